"""WordNet's installation: what counts as one, what a damaged one is told as, and how it is repaired."""

import os
import shutil
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path

import nltk
import pytest

from vqatune.errors import DataError
from vqatune.evaluation.metrics import wordnet
from vqatune.evaluation.metrics.wordnet import FILES, install, installed, lexnames, make_corpus, name
from vqatune.evaluation.metrics.wups import READING


def write_files(folder: Path, *left_out: str) -> Path:
    """A file of one line for each of WordNet's."""
    folder.mkdir(parents=True)
    for file in FILES:
        if file not in left_out:
            (folder / file).write_text(f"{file}\n")
    return folder


def zip_files(folder: Path) -> Path:
    """The archive, not compressed, that stands where the folder did."""
    archive = folder.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(folder.iterdir()):
            file.write(path, f"{folder.name}/{path.name}")
    shutil.rmtree(folder)
    return archive


@pytest.fixture
def data(tmp_path, monkeypatch) -> list[Path]:
    """The two folders in which NLTK looks, the first one first; neither is there."""
    folders = [tmp_path / "first", tmp_path / "second"]
    monkeypatch.setattr(nltk.data, "path", [str(folder) for folder in folders])
    return folders


@pytest.fixture
def debian(tmp_path, monkeypatch) -> Path:
    """Debian's files, which install() has before it asks any server."""
    monkeypatch.setattr(wordnet, "DEBIAN_FILES", write_files(tmp_path / "debian", "lexnames"))
    return wordnet.DEBIAN_FILES


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_lexicographer_files_are_numbered_as_wordnet_numbers_them():
    lines = [line.split("\t") for line in lexnames().splitlines()]
    assert len(lines) == 45
    assert [int(number) for number, _, _ in lines] == list(range(45))
    assert {name: (number, part) for number, name, part in lines}["noun.animal"] == ("05", "1")
    assert lines[29][1:] == ["verb.body", "2"] and lines[44][1:] == ["adj.ppl", "3"]


def test_debians_files_become_a_corpus_with_the_file_they_lack(tmp_path):
    assert not make_corpus(tmp_path / "nowhere", tmp_path / "target")
    assert not make_corpus(write_files(tmp_path / "incomplete", "data.verb"), tmp_path / "target")
    assert not (tmp_path / "target").exists()
    files = write_files(tmp_path / "debian", "lexnames")
    assert make_corpus(files, tmp_path / "target")
    corpus = tmp_path / "target" / "corpora" / "wordnet"
    assert content(corpus) == content(files) | {"lexnames": lexnames().encode()}


def test_a_corpus_that_has_all_its_files_keeps_them(tmp_path):
    files = write_files(tmp_path / "files")
    assert make_corpus(files, tmp_path / "target")
    assert content(tmp_path / "target" / "corpora" / "wordnet") == content(files)


def test_nltk_takes_what_was_installed_even_where_new_files_are_open_to_a_group(data, debian):
    before = os.umask(0o002)
    try:
        assert install(data[0]) == str(debian)
    finally:
        os.umask(before)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert installed()


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "archive"])
def test_wordnet_is_installed_where_all_of_its_files_are(data, zipped):
    assert not installed()
    folder = write_files(data[1] / "corpora" / "wordnet")
    if zipped:
        zip_files(folder)
    assert installed()
    assert install(data[0]) == "NLTK's data, where it was already"
    assert not data[0].exists()


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "archive"])
@pytest.mark.parametrize("file", FILES)
def test_without_any_one_of_its_files_wordnet_is_not_installed(data, file, zipped):
    folder = write_files(data[0] / "corpora" / "wordnet", file)
    if zipped:
        zip_files(folder)
    assert not installed()
    with pytest.raises(DataError, match="incomplete or cannot be read in .*first") as raised:
        name()
    assert "\n" not in str(raised.value)


def test_a_wordnet_that_others_may_write_to_is_none_as_to_nltk(data):
    folder = write_files(data[0] / "corpora" / "wordnet")
    assert installed()
    folder.chmod(0o775)
    assert not installed()
    with pytest.warns(RuntimeWarning, match="writable"), pytest.raises(LookupError):
        nltk.data.find("corpora/wordnet")


def test_the_folders_are_those_of_nltk_before_it_is_imported_and_after():
    script = (
        "import sys; from vqatune.evaluation.metrics.wordnet import _search_path; before = _search_path();"
        "assert 'nltk' not in sys.modules; import nltk; assert before == nltk.data.path == _search_path()"
    )
    environment = os.environ | {"NLTK_DATA": os.pathsep.join(["~/mine", "/their"])}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


@pytest.mark.parametrize("left", [b"", b"index.verb\nabando"], ids=["empty", "cut off"])
def test_a_file_that_was_not_written_to_its_end_is_none(data, left):
    (write_files(data[0] / "corpora" / "wordnet") / "index.verb").write_bytes(left)
    assert not installed()


def test_an_archive_that_was_cut_off_or_damaged_is_one_clear_line(data):
    archive = zip_files(write_files(data[0] / "corpora" / "wordnet"))
    whole = archive.read_bytes()
    damaged = whole.replace(b"data.noun\n", b"data.nuun\n")
    assert damaged != whole
    archive.write_bytes(damaged)
    with pytest.raises(DataError, match=f"cannot be read in {archive}"):
        name()
    archive.write_bytes(whole[: len(whole) // 2])
    assert not installed()
    with pytest.raises(DataError, match=f"cannot be read in {archive}: run"):
        name()


def test_what_stands_for_the_content_changes_with_every_file_and_not_with_the_place(data):
    folder = write_files(data[1] / "corpora" / "wordnet")
    names = {name()}
    for file in FILES:
        (folder / file).write_text(f"{file} of another edition\n")
        names.add(name())
    assert len(names) == 1 + len(FILES)
    last = name()
    shutil.move(data[1], data[0])
    assert name() == last
    zip_files(data[0] / "corpora" / "wordnet")
    assert name() == last


def _half_made(folder: Path) -> None:
    write_files(folder, "lexnames", "data.adv")
    (folder / "stray").touch()


def _empty(folder: Path) -> None:
    folder.mkdir(parents=True)


def _cut_off_archive(folder: Path) -> None:
    archive = zip_files(write_files(folder))
    archive.write_bytes(archive.read_bytes()[:500])


every_damage = pytest.mark.parametrize("damage", [_half_made, _empty, _cut_off_archive])


@every_damage
@pytest.mark.parametrize("other", [0, 1], ids=["ours", "behind ours"])
def test_a_damaged_wordnet_is_replaced_by_a_whole_one(data, debian, damage, other):
    damage(data[other] / "corpora" / "wordnet")
    assert not installed()
    assert install(data[0]) == str(debian)
    assert installed()
    corpus = data[0] / "corpora" / "wordnet"
    assert set(content(corpus)) == set(FILES)
    assert not list(corpus.parent.glob(".*"))


@pytest.mark.parametrize("damage", [_half_made, _empty])
def test_a_damaged_wordnet_that_nltk_would_go_on_reading_is_named(data, debian, damage):
    folder = data[0] / "corpora" / "wordnet"
    damage(folder)
    before = content(folder)
    with pytest.raises(DataError, match=f"from {folder}, which is incomplete: delete it") as raised:
        install(data[1])
    assert "\n" not in str(raised.value)
    assert content(folder) == before and not data[1].exists()
    shutil.rmtree(folder)
    assert install(data[1]) == str(debian) and installed()


def test_a_damaged_archive_before_ours_is_not_in_the_way(data, debian):
    _cut_off_archive(data[0] / "corpora" / "wordnet")
    assert install(data[1]) == str(debian)
    assert installed()


def test_a_place_that_cannot_be_written_is_one_clear_line(data, debian):
    data[0].write_text("no folder")
    with pytest.raises(DataError, match=f"WordNet cannot be written to {data[0]} .*: free or unlock it"):
        install(data[0])


def _run(nltk_data: Path) -> subprocess.CompletedProcess:
    """Run the command with one more folder in which NLTK looks first."""
    command = [sys.executable, "-W", "error::RuntimeWarning", "-m", "vqatune.evaluation.metrics.wordnet"]
    environment = os.environ | {"NLTK_DATA": str(nltk_data)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_command_says_one_line_and_warns_of_nothing(tmp_path):
    write_files(tmp_path / "corpora" / "wordnet")
    done = _run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "WordNet: from NLTK's data, where it was already\n"


def test_the_command_names_a_damaged_wordnet_that_is_in_the_way(tmp_path):
    _half_made(tmp_path / "corpora" / "wordnet")
    done = _run(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    (line,) = done.stdout.splitlines()
    assert f"from {tmp_path}/corpora/wordnet, which is incomplete: delete it" in line


def test_nltk_reads_what_was_installed():
    if not installed():
        pytest.skip("WordNet is not installed here and could not be had: `make` says why")
    with READING:
        dog, cat = (nltk.corpus.wordnet.synset(f"{animal}.n.01") for animal in ("dog", "cat"))
        assert dog.lexname() == "noun.animal"
        assert dog.wup_similarity(cat) == pytest.approx(0.8571, abs=1e-4)
