"""Asking a model that is killed: what was answered is not asked about again, and the pairs are the same."""

from collections import Counter
from dataclasses import replace

import pytest
from kill_cases import ABSENT, PAIRS, Case
from kill_rounds import Rounds
from model_server import ModelServer, default_answer
from model_server_quotas import Quota

pytestmark = pytest.mark.slow

KEY = f"AIza-{3**60:x}"
AT_ONCE = 4
"""Requests that are under way at once; a kill loses them."""
ASKED = {
    "generate.provider": "gemini",
    "generate.model": "gemini-test",
    "generate.concurrency": AT_ONCE,
    "generate.price.input": 0.1,
    "generate.price.output": 0.4,
    "sample.cap": 8,
}
VARYING = ("metrics/generation.json",)
"""It counts requests and seconds."""
CASES = {
    "generate, asking": Case("generate", (*PAIRS, *VARYING), varying=VARYING, events=12, moments=24),
    "pilot": Case(
        "vqatune pilot --images 20 --no-open --out pilot.html", ("pilot.html",), before=(ABSENT,), moments=16
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_killed_while_it_asks_only_what_was_under_way_is_asked_again(name, project, warm_server, counted):
    case, asked = CASES[name], Counter()
    with ModelServer(
        answer=lambda image: default_answer(image, 3), latency=(0.002, 0.02), quotas={KEY: Quota()}
    ) as server:
        own = replace(
            project, environment=project.environment | {"GEMINI_API_KEY": KEY, "NO_PROXY": "127.0.0.1"}
        )
        own.set_params(ASKED)
        own.run("python", "stages/sample.py")
        case = replace(case, params={"generate.endpoint": server.url})

        def begins() -> None:
            with server.lock:
                server.ledger.clear()

        def ends(rounds: Rounds) -> None:
            sent = Counter(entry.image for entry in server.asked() if entry.accepted)
            answered = server.answered()
            assert set(answered) == set(sent) == images
            twice = sum(sent.values()) - len(images)
            assert twice <= AT_ONCE, twice
            asked["requests sent twice"] += twice
            asked["requests"] += sum(sent.values())

        rounds = Rounds(own, case, warm_server, begins, lambda _: None)
        images = set(server.answered())
        assert len(images) >= 20
        rounds.ends = ends
        counts = rounds.all()
    # A pilot asks so few that no kill may have met a request.
    assert (name == "pilot" or asked["requests sent twice"] > 0) and asked["requests sent twice"] < asked[
        "requests"
    ]
    counted("asking", name, counts + asked)
