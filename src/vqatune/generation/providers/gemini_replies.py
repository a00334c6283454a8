"""Gemini's responses, for all of its SDKs: parsing of replies, and the error that a response without a reply means."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from vqatune.errors import ParameterError
from vqatune.generation.providers import ParsedReply
from vqatune.generation.providers.errors import (
    InvalidKeyError,
    PermanentError,
    ProviderError,
    RateLimitError,
    TransientError,
)
from vqatune.params import GenerateParams

_parts_of_a_reply = ("candidates", "promptFeedback", "usageMetadata")

_longest_reason = 300  # characters; some proxies send a page

# Google's names of transient errors, whatever their status code.
_transient_names = (
    "ABORTED",
    "CANCELLED",
    "DATA_LOSS",
    "DEADLINE_EXCEEDED",
    "INTERNAL",
    "UNAVAILABLE",
    "UNKNOWN",
)
_transient_codes = (408, 409, 423, 425, 499)
# Statuses of a server that is not Gemini's, or of another address on it.
_endpoint_codes = (405, 406, 407, 410, 411, 415, 426)

_of_a_key = re.compile(r"api[ _]key", re.IGNORECASE)
_of_a_place = re.compile(r"\b(location|countr(y|ies)|region|territory)\b", re.IGNORECASE)
_of_the_parameters = re.compile(
    r"generation_?config|response_?(json_?)?schema|system_?instruction|developer instruction|json mode"
    r"|max_?output_?tokens|temperature|response_?mime_?type",
    re.IGNORECASE,
)
_too_short = re.compile(r"\bdeadline\b.*\btoo short\b", re.IGNORECASE)
_nothing_allowed = re.compile(r"\blimit: 0(?![\d.])")
_duration = re.compile(r"(\d{1,9}(?:\.\d*)?)(ms|[hms])")
_seconds_in = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_said_delay = re.compile(r"retry in ([\d.hms]+)", re.IGNORECASE)


def parse_reply(reply: dict[str, Any]) -> ParsedReply:
    """Return the content of a raw reply of Gemini's.

    `finish` is 'stop', another finish reason of Gemini's in lower case (max_tokens, safety, recitation, …, with the
    text written by then), 'blocked' where it rejected the prompt, or 'no_reply'.
    """
    usage = _mapping(reply.get("usageMetadata"))
    tokens = {
        "input_tokens": _count(usage.get("promptTokenCount")),
        "output_tokens": _count(usage.get("candidatesTokenCount")) + _count(usage.get("thoughtsTokenCount")),
    }
    candidates = reply.get("candidates")
    candidate = _mapping(candidates[0]) if isinstance(candidates, list) and candidates else {}
    parts = _mapping(candidate.get("content")).get("parts")
    shown = [
        part for part in map(_mapping, parts if isinstance(parts, list) else ()) if not part.get("thought")
    ]
    text = "".join(part["text"] for part in shown if isinstance(part.get("text"), str))
    finish = candidate.get("finishReason")
    if not candidate and _mapping(reply.get("promptFeedback")).get("blockReason"):
        finish = "blocked"
    elif not (isinstance(finish, str) and finish):
        finish = "no_reply"
    # JSON can hold a lone surrogate, which UTF-8 cannot.
    return ParsedReply(text.encode("utf-8", "replace").decode("utf-8"), finish.lower(), **tokens)


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**53 else 0


def check_model(params: GenerateParams) -> None:
    """Raise ParameterError where generate.model cannot be the name of one of Gemini's models."""
    if not re.fullmatch(r"((models|tunedModels)/)?\w[\w-]*(\.[\w-]+)*", params.model or ""):
        raise ParameterError(
            f"generate.model: {params.model!r} is not a model of Gemini's; their names are like gemini-3.5-flash-lite"
        )


def check_key(key: str) -> None:
    """Raise InvalidKeyError for a key that no header can carry, such as an empty one."""
    if not (key and key.isascii() and key.isprintable()):
        raise InvalidKeyError("bad key", "the key is empty, or has characters that no key has")


def accept(status: int, body: bytes | str, headers: Mapping[str, str], key: str) -> dict[str, Any]:
    """Return the raw reply in a response; raises the error of `error_of` where there is none."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        content = None
    if status != 200:
        raise error_of(status, content, headers, key)
    if isinstance(content, dict):
        if any(name in content for name in _parts_of_a_reply):
            return content
        code = _count(_mapping(content.get("error")).get("code"))
        if code >= 400:
            raise error_of(code, content, headers, key)
    raise TransientError("not a reply", "something that is no reply of Gemini's came back")


def error_of(
    status: int, content: Any, headers: Mapping[str, str], key: str
) -> ProviderError | ParameterError:
    """Return the error that a response without a reply means.

    `status` is the HTTP status, `content` the body's JSON (None where it has none). The message does not contain `key`.
    """
    if isinstance(content, list) and len(content) == 1:
        content = content[0]
    error = _mapping(_mapping(content).get("error"))
    name, message = str(error.get("status") or ""), str(error.get("message") or "")
    listed = error.get("details")
    details = [detail for detail in listed if isinstance(detail, dict)] if isinstance(listed, list) else []
    said = redact(f"HTTP {status} {name}".strip() + (f": {message}" if message else ""), key)

    delay = _delay(details, message, headers)
    if status == 429 or name == "RESOURCE_EXHAUSTED":
        if _nothing_allowed.search(message):
            return InvalidKeyError("no quota", f"the key's project may not ask this model at all ({said})")
        return _limited(said, delay, details)
    if status >= 500 or status < 300 or status in _transient_codes or name in _transient_names:
        return TransientError(f"http {status}", said, delay)

    bad_key = _of_a_key.search(message) or any(
        str(detail.get("reason")).startswith("API_KEY") for detail in details
    )
    if status in (401, 402) or bad_key:
        return InvalidKeyError("bad key", said)
    if status in (403, 451) or name == "FAILED_PRECONDITION":
        if status != 451 and (not _of_a_place.search(message) or "billing" in message.lower()):
            return InvalidKeyError("bad key", said)
        return ParameterError(
            f"generate.provider: Gemini is not to be had where this runs ({said}); run it where Gemini is, or choose "
            "another provider"
        )
    if status == 404:
        return ParameterError(
            f"generate.model or generate.endpoint: there is no such model at this address ({said}); correct them"
        )
    if status < 400 or status in _endpoint_codes:
        return ParameterError(
            f"generate.endpoint: what answers there does not speak Gemini's protocol ({said}); correct it"
        )
    if status == 413 or "payload size exceeds" in message:
        return PermanentError("too large", said)
    if _too_short.search(message):
        return ParameterError(f"generate.timeout_seconds: the server wants more time ({said}); raise it")
    violations = [v for detail in details for v in _listed(detail, "fieldViolations")]
    if any(_of_the_parameters.search(text) for text in (message, *(str(v.get("field")) for v in violations))):
        return ParameterError(
            "generate.reply_format, generate.temperature or generate.max_output_tokens: the model does not take one "
            f"of them ({said}); correct it, or choose another model"
        )
    return PermanentError("refused", said)


def redact(text: str, key: str) -> str:
    """Return the text in one line of bounded length, without the key."""
    if key:
        text = text.replace(key, "…")
    # The connection options in aiohttp's errors mean nothing to a user.
    text = " ".join(re.sub(r" ssl:(<[^>]*>|\w+)", "", text).split())
    return text if len(text) <= _longest_reason else text[:_longest_reason] + "…"


def _limited(said: str, delay: float | None, details: list[dict[str, Any]]) -> RateLimitError:
    limits: dict[str, float] = {}
    daily = False
    for violation in (v for detail in details for v in _listed(detail, "violations")):
        quota, value = str(violation.get("quotaId")), str(violation.get("quotaValue"))
        of_a_day, of_a_minute = "PerDay" in quota, "PerMinute" in quota
        daily |= of_a_day
        what = "requests" if "Requests" in quota else "tokens" if "Tokens" in quota else None
        limit = f"{what}_per_{'day' if of_a_day else 'minute'}"
        known = what and (of_a_minute or of_a_day) and limit != "tokens_per_day"
        if known and re.fullmatch(r"\d{1,15}", value) and int(value):
            limits[limit] = min(float(value), limits.get(limit, float(value)))
    return RateLimitError("429", said, delay, limits, daily)


def _listed(detail: dict[str, Any], name: str) -> list[dict[str, Any]]:
    values = detail.get(name)
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _delay(details: list[dict[str, Any]], message: str, headers: Mapping[str, str]) -> float | None:
    """Return the longest delay in seconds that the response names, None where it names none."""
    named = [_seconds(str(detail.get("retryDelay"))) for detail in details]
    named += [_seconds(found.rstrip(".")) for found in _said_delay.findall(message)]
    named.append(_until(headers.get("Retry-After", "")))
    return max((delay for delay in named if delay is not None), default=None)


def _seconds(text: str) -> float | None:
    """Return the seconds in a duration such as 7.3s, 120ms, 1h2m3s or 7."""
    text = text.strip()
    if re.fullmatch(r"\d{1,9}(\.\d*)?", text):
        return float(text)
    if re.fullmatch(f"({_duration.pattern})+", text):
        return sum(float(number) * _seconds_in[unit] for number, unit in _duration.findall(text))
    return None


def _until(text: str) -> float | None:
    """Return the seconds of a Retry-After header, which holds seconds or a date."""
    seconds = _seconds(text)
    if seconds is not None or not text:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max((moment - datetime.now(UTC)).total_seconds(), 0.0)
