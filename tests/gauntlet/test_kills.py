"""Every stage and writing command, killed where it writes and at random moments, and run again: the same bytes."""

import pytest
from kill_cases import COMMANDS, STAGES
from kill_rounds import Rounds

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", STAGES | COMMANDS)
def test_killed_anywhere_and_run_again_it_writes_the_same_bytes(
    name, project, warm_server, counted, finished
):
    case = (STAGES | COMMANDS)[name]
    rounds = Rounds(project, case, warm_server)
    if name in STAGES and not case.params:
        expected = finished.outputs()
        assert all(
            content == expected[path] for path, content in rounds.done.items() if rounds.is_output(path)
        )
    counts = rounds.all()
    counted("kills", name, counts)
    kills = sum(number for kind, number in counts.items() if kind.startswith("killed at"))
    assert kills == counts["compared"] >= min(case.events, len(rounds.events)) > 0
    assert not case.resumes or counts["resumed"] > 0
