"""Where keys come from, and that no message holds one."""

import subprocess
from pathlib import Path

import pytest

from vqatune.errors import ParameterError
from vqatune.generation.client.api_keys import key_mark, read_keys

FIRST, SECOND, THIRD = "AIzaFirst-0123456789", "AIzaSecond_abcdefgh", "AIzaThird.ABCDEFGH"


@pytest.fixture(autouse=True)
def no_keys_around(monkeypatch):
    # GIT_DIR and the like are set where the tests run in a hook.
    for name in ("GEMINI_API_KEY", "OPENAI_API_KEY", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repository(tmp_path) -> Path:
    """A git repository that ignores .gemini-key."""
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text(".gemini-key\n")
    return tmp_path


def git(folder: Path, *arguments: str) -> None:
    names = ["-c", "user.name=n", "-c", "user.email=e@example.com"]
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


def refusal(provider: str, folder: Path) -> str:
    """The message that keys are refused with."""
    with pytest.raises(ParameterError) as error:
        read_keys(provider, folder)
    said = str(error.value)
    assert "\n" not in said
    assert not any(key in said for key in (FIRST, SECOND, THIRD))
    return said


@pytest.mark.parametrize("provider", ["gemini", "gemini_legacy", "gemini_batch"])
def test_the_environment_comes_before_the_file(repository, monkeypatch, provider):
    (repository / ".gemini-key").write_text(SECOND)
    assert read_keys(provider, repository) == [SECOND]
    monkeypatch.setenv("GEMINI_API_KEY", f" {FIRST}\n")
    assert read_keys(provider, repository) == [FIRST]
    monkeypatch.setenv("GEMINI_API_KEY", " ")
    assert read_keys(provider, repository) == [SECOND]


def test_a_file_that_others_can_read_is_warned_of(repository, caplog):
    file = repository / ".gemini-key"
    file.write_text(SECOND)
    file.chmod(0o600)
    assert read_keys("gemini", repository) == [SECOND] and not caplog.messages
    file.chmod(0o640)
    assert read_keys("gemini", repository) == [SECOND]
    (said,) = caplog.messages
    assert "others on this machine can read the keys" in said and "chmod 600" in said and SECOND not in said


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_has_a_key_a_line_each_is_taken_once_and_comments_are_not(repository, mark, end):
    lines = [f"{mark}# mine", "", f"  {SECOND}\t", FIRST, "   ", f"#{THIRD}", SECOND, THIRD, "", FIRST]
    (repository / ".gemini-key").write_text(end.join(lines), "utf-8", newline="")
    assert read_keys("gemini", repository) == [SECOND, FIRST, THIRD]


@pytest.mark.parametrize(
    "content",
    [
        f"GEMINI_API_KEY={FIRST}\nGEMINI_API_KEY_2 = '{SECOND}'",
        f'export GEMINI_API_KEY="{FIRST},{SECOND}"',
        f'"{FIRST}"\n"{SECOND}"',
        f"{FIRST}, {SECOND},",
        f"{FIRST};{SECOND}",
    ],
)
def test_keys_are_read_as_they_are_meant(repository, content):
    (repository / ".gemini-key").write_text(content)
    assert read_keys("gemini", repository) == [FIRST, SECOND]


@pytest.mark.parametrize("content", [None, "", "\n\n", f"# {FIRST}\n"])
def test_where_there_is_no_key_it_is_said_where_to_put_one(repository, content):
    if content is not None:
        (repository / ".gemini-key").write_text(content)
    said = refusal("gemini", repository)
    assert "GEMINI_API_KEY" in said and ".gemini-key" in said


@pytest.mark.parametrize("bad", [f"{THIRD} x", f"{THIRD}é", f"{THIRD}\x00", f'{THIRD}" "', f"{THIRD}\x7f"])
def test_a_line_that_is_no_key_is_named_by_its_number_not_by_its_text(repository, monkeypatch, bad):
    (repository / ".gemini-key").write_text(f"{FIRST}\n\n{bad}\n{SECOND}\n", "utf-8")
    said = refusal("gemini", repository)
    assert f"{repository / '.gemini-key'}: line 3 is no key" in said
    if "\x00" not in bad:
        monkeypatch.setenv("GEMINI_API_KEY", bad)
        assert "the environment variable GEMINI_API_KEY: line 1 is no key" in refusal("gemini", repository)


def test_a_file_that_is_no_text_is_refused(repository):
    for content in (FIRST.encode("utf-16"), b"\xff\xfe\x00\x80", b"\x89PNG\r\n\x1a\n\x00"):
        (repository / ".gemini-key").write_bytes(content)
        assert "is no key" in refusal("gemini", repository)


def test_several_keys_in_the_environment_are_refused_as_they_belong_into_the_file(repository, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", f"{FIRST}\n{SECOND}")
    assert "is no key" in refusal("gemini", repository)


def test_a_server_of_ones_own_needs_no_key_and_takes_one(repository, monkeypatch):
    monkeypatch.setenv("GEMINI_API_KEY", FIRST)
    assert read_keys("openai", repository) == [""]
    assert read_keys("local", repository) == [""]
    monkeypatch.setenv("OPENAI_API_KEY", SECOND)
    assert read_keys("openai", repository) == [SECOND]
    assert read_keys("local", repository) == [""]


def test_a_key_file_that_git_would_commit_is_refused(repository):
    (repository / ".gitignore").write_text("other\n")
    (repository / ".gemini-key").write_text(FIRST)
    said = refusal("gemini", repository)
    assert "git does not ignore" in said and ".gitignore" in said


@pytest.mark.parametrize("committed", [False, True])
def test_a_key_file_that_git_has_already_is_refused_though_it_is_ignored_now(repository, committed):
    (repository / ".gemini-key").write_text(FIRST)
    git(repository, "add", "--force", ".gemini-key")
    if committed:
        git(repository, "commit", "-q", "-m", "oh")
    assert "git rm --cached .gemini-key" in refusal("gemini", repository)
    git(repository, "rm", "-q", "--cached", ".gemini-key")
    assert read_keys("gemini", repository) == [FIRST]


def test_where_git_knows_nothing_of_the_folder_the_file_is_read(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    (tmp_path / ".gemini-key").write_text(FIRST)
    assert read_keys("gemini", tmp_path) == [FIRST]
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_keys("gemini", tmp_path) == [FIRST]


def test_this_repository_ignores_the_key_files():
    root = Path(__file__).resolve().parents[3]
    names = [".gemini-key", ".openai-key"]
    done = subprocess.run(
        ["git", "check-ignore", *names], cwd=root, capture_output=True, text=True, check=False
    )
    if done.returncode == 128:
        pytest.skip("this checkout is no git repository")
    assert done.stdout.split() == names


def test_a_key_is_known_again_by_a_mark_that_does_not_tell_it():
    marks = {key_mark(key) for key in (FIRST, SECOND, THIRD)}
    assert len(marks) == 3 and key_mark(FIRST) in marks
    assert all(len(mark) == 16 and int(mark, 16) >= 0 for mark in marks)
