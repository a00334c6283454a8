"""Every stage and writing command on a full disk, on a read-only one and with too little memory: one line, nothing changed."""

import json
import re
import subprocess
from collections import Counter

import broken_machine
import pytest
from kill_cases import COMMANDS, STAGES
from kill_rounds import WORK, Rounds

pytestmark = pytest.mark.slow

CASES = {name: case for name, case in (STAGES | COMMANDS).items() if case.workers == 1}
MEMORY = ("memory 12", "memory 48", "memory 192")
"""MB that the address space may grow by: for some of the imports, for some of the work, for much of it."""
ONE_LINE = re.compile(r"error(?: in [\w@]+)?: .+")
GIVEN_UP = re.compile(r"ABORT$|bad_alloc|Fatal process out of memory", re.MULTILINE)
"""What is said where the C library or a library in C++ ends the process itself."""
OF_THE_CHECKOUT = {"published/model/README.md", "published/model/.prepared.json"}
"""They depend on git and on the times of archives, which are others in a copy."""
GOES_ON = {"score"}
"""What only keeps what it would compute again, and says that it goes on without."""


@pytest.fixture(scope="session")
def namespaces() -> None:
    """Skip where a process cannot have mounts of its own."""
    tried = subprocess.run(["unshare", "-rm", "true"], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"no user and mount namespaces here: {tried.stderr.strip()}")


def with_fault(rounds: Rounds, kind: str) -> dict:
    """Run the case with a fault, and then without; return what broken_machine tells, checked."""
    result = rounds.root.parent / "result.json"
    rounds.forks.start([broken_machine.__file__, kind, str(result), *rounds.case.arguments()])
    rounds.finish()
    told = json.loads(result.read_text())
    said, lines = told["said"], told["said"].splitlines()
    assert "Traceback" not in said, said
    if told["status"]:
        silent = not any(line.startswith("error") for line in lines)
        given_up = kind.startswith("memory") and (silent or GIVEN_UP.search(said))
        told["given up"] = bool(given_up)
        if not given_up:
            assert ONE_LINE.fullmatch(lines[-1]) and sum(line.startswith("error") for line in lines) == 1, (
                said
            )
        whole = {
            name
            for name, digest in told["files then"].items()
            if digest == broken_machine.digests(rounds.done).get(name)
        }
        # Of two outputs one may be done, whole, before the other fails.
        changed = [name for name in told["changed"] if not name.startswith(WORK) and name not in whole]
        assert not changed, (said, changed)
        assert told["status again"] == 0, result.with_suffix(".txt").read_text()
    if kind.startswith("memory") and "cannot run here" in said:
        # What the zoo says of a model that is too large.
        return told
    expected, files = (
        {name: digest for name, digest in each.items() if not name.startswith(WORK)}
        for each in (broken_machine.digests(rounds.done), told["files"])
    )
    assert expected.keys() == files.keys(), (said, sorted(expected.keys() ^ files.keys()))
    compared = [name for name in expected if rounds.compared(name) and name not in OF_THE_CHECKOUT]
    different = [name for name in compared if files[name] != expected[name]]
    assert not different, (said, different)
    return told


@pytest.mark.parametrize("name", CASES)
def test_where_nothing_can_be_written_it_is_one_line_and_then_the_same_bytes(
    name, project, warm_server, namespaces, counted
):
    prepared, counts = Rounds(project, CASES[name], warm_server), Counter()
    for kind in ("full", "read-only"):
        prepared.begin(prepared.case.before[-1])
        told = with_fault(prepared, kind)
        assert (told["status"] == 0) == (name in GOES_ON), (kind, told["said"])
        counts[f"failed on a {kind} disk" if told["status"] else f"went on on a {kind} disk"] += 1
    prepared.forks.stop()
    counted("machine", name, counts)


@pytest.mark.parametrize("name", CASES)
def test_with_too_little_memory_it_is_one_line_and_then_the_same_bytes(name, project, warm_server, counted):
    prepared, counts = Rounds(project, CASES[name], warm_server), Counter()
    for kind in MEMORY:
        prepared.begin(prepared.case.before[-1])
        told = with_fault(prepared, kind)
        ended = "given up by a library" if told.get("given up") else "failed for memory"
        counts[ended if told["status"] else "had enough memory"] += 1
    prepared.forks.stop()
    counted("machine", name, counts)
