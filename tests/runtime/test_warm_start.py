"""Stages forked from a warm process: what a user sees of them is what the scripts themselves would show."""

import os
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stages start warm on Linux only")

SERVER = """
import sys
from vqatune.runtime import warm_start
warm_start.LIBRARIES = ("colorsys",)
sys.exit(warm_start.run_command(sys.argv[1:]))
"""
SCRIPT = """
from vqatune.runtime.warm_start import hand_over
hand_over()
import os, signal, sys, time
from pathlib import Path
"""


@pytest.fixture
def environment(repository) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(repository / "src")}


@pytest.fixture
def warm(tmp_path, environment):
    """Start a shell command whose Python scripts start warm."""

    def start(command: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", SERVER, "sh", "-c", command],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    return start


@pytest.fixture
def script(tmp_path):
    """Write a script that hands over and then runs some code; return the command that runs it."""

    def write(code: str, name: str = "stage.py") -> str:
        (tmp_path / name).write_text(SCRIPT + code)
        return f"{sys.executable} {name}"

    return write


def _wait_for(path) -> int:
    for _ in range(2400):
        if path.exists() and path.read_text():
            return int(path.read_text())
        time.sleep(0.05)
    raise AssertionError(f"{path} never came")


def test_a_script_runs_in_a_warm_process_with_its_arguments_streams_and_variables(warm, script):
    code = "print(sys.argv[1:], 'colorsys' in sys.modules, os.environ['COLOR'], 'VQATUNE_WARM_START' in os.environ)\n"
    out, err = warm("COLOR=red " + script(code + "print('said', file=sys.stderr)") + " v7").communicate(
        timeout=120
    )
    assert out == "['v7'] True red False\n" and err == "said\n"


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        *(("sys.exit(3)", 3), ("sys.exit()", 0), ("sys.exit('no')", 1), ("1 / 0", 1), ("os.abort()", 134)),
        *(("os.kill(os.getpid(), signal.SIGKILL)", 137), ("raise KeyboardInterrupt", 130)),
    ],
)
def test_the_exit_status_is_that_of_the_script(warm, script, ending, status):
    process = warm(script(ending) + "; echo $?")
    out, err = process.communicate(timeout=120)
    assert int(out.splitlines()[-1]) == status and process.returncode == 0
    assert ("ZeroDivisionError" in err) == ("/ 0" in ending)


def test_a_signal_reaches_the_stage_once(warm, script, tmp_path):
    code = "came = []\nsignal.signal(signal.SIGTERM, lambda number, frame: came.append(number))\n"
    code += "Path('ready').write_text('1')\nwhile not came: time.sleep(0.01)\ntime.sleep(0.2)\n"
    command = script(code + "print(came)\nsys.exit(143)")
    process = warm(command + " & echo $! > asked; wait $!; echo $?")
    _wait_for(tmp_path / "ready")
    os.kill(_wait_for(tmp_path / "asked"), signal.SIGTERM)
    out, _ = process.communicate(timeout=120)
    assert out == f"[{signal.SIGTERM.value}]\n143\n"


def test_a_signal_of_the_terminal_reaches_the_stage_once(warm, script, tmp_path):
    code = "came = []\nsignal.signal(signal.SIGINT, lambda number, frame: came.append(number))\n"
    code += "Path('ready').write_text('1')\nwhile not came: time.sleep(0.01)\ntime.sleep(0.2)\n"
    process = warm("trap : INT; " + script(code + "print(came)\nsys.exit(7)") + "; echo $?")
    _wait_for(tmp_path / "ready")
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert out.splitlines()[0] == f"[{signal.SIGINT.value}]" and out.splitlines()[-1] == "7"


def test_sigterm_to_the_server_ends_the_command_and_its_stages(warm, script, tmp_path):
    code = "Path('stage').write_text(str(os.getpid()))\ntime.sleep(60)\n"
    process = warm("exec " + script(code))
    stage = _wait_for(tmp_path / "stage")
    process.terminate()
    process.communicate(timeout=120)
    assert process.returncode == 143
    with pytest.raises(ProcessLookupError):
        os.kill(stage, 0)


def test_what_the_server_ignores_its_stages_ignore(tmp_path, script, environment):
    command = script("print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)")
    server = [sys.executable, "-c", SERVER, "sh", "-c", command]
    done = subprocess.run(
        ["nohup", *server], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True\n"


def test_a_script_of_another_checkout_runs_its_own_code(warm, tmp_path, repository):
    package = tmp_path / "other/vqatune"
    (package / "runtime").mkdir(parents=True)
    for name in ("warm_start.py", "arithmetic.py", "locked_folders.py"):
        (package / "runtime" / name).write_bytes((repository / "src/vqatune/runtime" / name).read_bytes())
    (package / "__init__.py").write_text("value = 'another checkout'\n")
    (tmp_path / "stage.py").write_text(
        "import sys\nsys.path.insert(0, 'other')\n" + SCRIPT + "import vqatune\nprint(vqatune.value)\n"
    )
    out, err = warm(f"{sys.executable} stage.py").communicate(timeout=120)
    assert out == "another checkout\n", err


def test_a_script_that_is_killed_takes_its_stage_along(warm, script, tmp_path):
    code = "Path('stage').write_text(str(os.getpid()))\ntime.sleep(60)\n"
    process = warm(script(code) + " & echo $! > asked; wait $!; echo $?")
    stage = _wait_for(tmp_path / "stage")
    os.kill(_wait_for(tmp_path / "asked"), signal.SIGKILL)
    out, _ = process.communicate(timeout=120)
    assert out == "137\n"
    with pytest.raises(ProcessLookupError):
        os.kill(stage, 0)


def test_the_next_script_starts_warm_too_and_runs_edited_code(warm, script, tmp_path):
    (tmp_path / "own.py").write_text("value = 1\n")
    command = script("import own\nprint(own.value, 'colorsys' in sys.modules)")
    out, _ = warm(f"{command}; sleep 1.1; echo value = 22 > own.py; {command}").communicate(timeout=120)
    assert out == "1 True\n22 True\n"


def test_a_script_whose_arithmetic_is_another_runs_by_itself(warm, script):
    command = script("print('colorsys' in sys.modules)")
    other = "native" if os.environ.get("VQATUNE_ARITHMETIC") == "portable" else "portable"
    out, err = warm(f"{command}; VQATUNE_ARITHMETIC={other} {command}").communicate(timeout=120)
    assert out == "True\nFalse\n", err


def test_without_a_warm_process_a_script_runs_by_itself(script, environment, tmp_path):
    command = script("print('by itself')").split()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    gone = environment | {"VQATUNE_WARM_START": str(tmp_path / "gone")}
    other = subprocess.run(command, cwd=tmp_path, env=gone, capture_output=True, text=True, check=True)
    assert done.stdout == other.stdout == "by itself\n"


def test_what_a_killed_server_left_goes_when_the_next_begins(tmp_path, environment):
    environment = environment | {"TMPDIR": str(tmp_path)}
    command = [sys.executable, "-c", SERVER, "sh", "-c"]
    # Not the server's own, nor one without a socket.
    (tmp_path / "vqatune-other").mkdir()
    killed = subprocess.Popen(
        [*command, "echo ready; sleep 60"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with killed:
        assert killed.stdout.readline() == "ready\n"
        subprocess.run([*command, "true"], env=environment, check=True)
        # The folder of a server that runs stays.
        assert len(list(tmp_path.iterdir())) == 2
        os.killpg(killed.pid, signal.SIGKILL)
    assert len(list(tmp_path.iterdir())) == 2
    subprocess.run([*command, "true"], env=environment, check=True)
    assert [path.name for path in tmp_path.iterdir()] == ["vqatune-other"]


def test_a_long_path_of_the_temporary_folder_is_no_reason_to_fail(tmp_path, environment):
    long = tmp_path / ("long" * 25)
    long.mkdir()
    command = [sys.executable, "-c", SERVER, "sh", "-c", "echo $VQATUNE_WARM_START"]
    done = subprocess.run(
        command, env=environment | {"TMPDIR": str(long)}, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("/tmp/vqatune-") and not any(long.iterdir())
