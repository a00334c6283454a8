"""How the fake model server may behave towards a request, and the replies that go with it."""

from dataclasses import dataclass

from model_server_shapes import (
    Reply,
    chat_error,
    chat_reply,
    exhausted_chat,
    exhausted_gemini,
    gemini_error,
    gemini_reply,
    gemini_without_candidates,
    html_reply,
    json_reply,
    tokens_in,
)
from model_server_texts import text_of, unit

GOOD = frozenset({"ok", "slow", "thinking", "fenced", "csv", "separators", "cut_json"})
"""Behaviours whose reply holds pairs."""

BEHAVIOURS = GOOD | {
    *("400", "401", "403", "404", "408", "413", "429", "500", "502", "503", "504"),
    *("reset", "reset_midway", "hang"),
    *("html", "not_json", "list", "prose", "empty", "safety", "blocked", "recitation"),
    *("refused", "too_large", "model_missing"),
}
Plans = dict[str, list[str] | str]
"""Name → behaviours to be used up, or one that holds for ever."""

_SAME = {"refused": "400", "too_large": "413", "model_missing": "404"}


@dataclass(frozen=True, slots=True)
class Request:
    """A request about an image, as far as the reply to it depends on it."""

    chat: bool
    model: str
    image: str
    input_tokens: int
    numbers: bool = False
    """Whether enums are to be numbers."""


def parse(behaviour: str | int) -> tuple[str, float | None]:
    """Return the name of a behaviour and the number that goes with it ('slow 0.5', '429 2'); raises ValueError."""
    name, _, number = str(behaviour).partition(" ")
    if name not in BEHAVIOURS:
        raise ValueError(f"the fake model server knows no behaviour {behaviour!r}")
    return name, float(number) if number else None


def next_planned(plans: Plans, name: str) -> str | None:
    """Return the next behaviour of a plan, None where there is none (left)."""
    plan = plans.get(name)
    if isinstance(plan, list):
        return str(plan.pop(0)) if plan else None
    return None if plan is None else str(plan)


def drawn(chaos: dict[str, float], seed: int, image: str, try_number: int) -> str:
    """Draw a behaviour by its probability; what is left to 1 is ok."""
    if not chaos:
        return "ok"
    point = unit(seed, "chaos", image, try_number)
    for behaviour, probability in chaos.items():
        point -= probability
        if point < 0:
            return behaviour
    return "ok"


def reply_to(
    request: Request, name: str, number: float | None, pairs: list[dict], retry_after: bool
) -> Reply:
    """Return the reply of a behaviour; reset, hang and slow have the one that they would have without."""
    name = _SAME.get(name, name)
    if name.isdigit():
        return _error(request, int(name), number, retry_after)
    if name == "html":
        return html_reply(200, "Log in to the network")
    if name == "list":
        return json_reply([])
    text = text_of(pairs, name)
    reply = json_reply(_chat(request, name, text) if request.chat else _gemini(request, name, text))
    if name in ("empty", "safety", "blocked", "recitation"):
        return reply
    reply.output_tokens = tokens_in(text)
    if name == "not_json":
        reply.body = reply.body[: len(reply.body) // 2]
    return reply


def _gemini(request: Request, name: str, text: str) -> dict:
    about = request.input_tokens, request.model
    if name in ("empty", "blocked"):
        return gemini_without_candidates(*about, name == "blocked", request.numbers)
    if name in ("safety", "recitation"):
        return gemini_reply([], name.upper(), *about, request.numbers)
    if name == "thinking":
        thought = {"text": "First I look at the picture.", "thought": True}
        return gemini_reply([thought, text[:9], text[9:]], "STOP", *about, request.numbers)
    finish = "MAX_TOKENS" if name == "cut_json" else "STOP"
    return gemini_reply([text], finish, *about, request.numbers)


def _chat(request: Request, name: str, text: str) -> dict:
    about = request.input_tokens, request.model
    if name == "empty":
        return chat_reply(None, "stop", *about) | {"choices": []}
    if name in ("safety", "blocked", "recitation"):
        return chat_reply(None, "content_filter", *about)
    if name == "thinking":
        text = f"<think>\nFirst I look at the picture.\n</think>\n\n{text}"
    return chat_reply(text, "length" if name == "cut_json" else "stop", *about)


def _error(request: Request, status: int, delay: float | None, retry_after: bool) -> Reply:
    if status == 429:
        return exhausted_chat(delay, []) if request.chat else exhausted_gemini(delay, [], retry_after)
    if status in (413, 502):
        # What stands in front of a server answers so, and writes no JSON.
        return html_reply(status, f"Error {status}")
    headers = {} if delay is None else {"Retry-After": f"{delay:.3f}"}
    if request.chat:
        code = {400: "image_parse_error", 404: "model_not_found"}.get(status)
        return json_reply(chat_error(status, code=code), status, headers)
    return json_reply(gemini_error(status, model=request.model), status, headers)
