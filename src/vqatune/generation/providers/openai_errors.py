"""Errors of OpenAI-compatible servers: what they say, and the ProviderError or ParameterError that they mean."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from vqatune.errors import ParameterError
from vqatune.generation.providers.errors import (
    InvalidKeyError,
    PermanentError,
    ProviderError,
    RateLimitError,
    TransientError,
)
from vqatune.params import GenerateParams

if TYPE_CHECKING:
    import openai

_LONGEST_RESET = 7 * 86400.0  # seconds; a larger number is a date, or nonsense
_LONGEST_SAID = 300  # characters of what a server says


@dataclass(frozen=True)
class Dialect:
    """Where servers differ in their requests: whether they take a system message, and the field for the reply's length."""

    system: bool = True
    limit: str = "max_tokens"


@dataclass(frozen=True)
class ErrorBody:
    """An error's body: its message in one line without the key, its codes and types, and the parameter it blames."""

    text: str
    names: str
    parameter: str

    def has(self, pattern: str) -> re.Match | None:
        """Search the codes and the message for a pattern, ignoring case."""
        return re.search(pattern, f"{self.names} {self.text}", re.IGNORECASE)


def read_error(content: bytes, key: str) -> ErrorBody:
    """Parse an error's body: OpenAI's {"error": {…}}, vLLM's flat one, FastAPI's list of details, or any text."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = content.decode("utf-8", "replace")
    error = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(error, dict):
        error = {"message": error}
    said = error.get("message") or error.get("detail")
    if isinstance(said, list):
        details = [detail for detail in said if isinstance(detail, dict)]
        said = "; ".join(f"{detail.get('loc')}: {detail.get('msg')}" for detail in details)
    names = " ".join(str(error.get(name)) for name in ("code", "type", "param") if error.get(name))
    return ErrorBody(_line(said, key), _line(names, key), str(error.get("param")))


def error_status(error: Any) -> int:
    """Return the HTTP status that an error in a body names as its code; 500 where it names none."""
    code = error.get("code") or error.get("status") if isinstance(error, dict) else None
    if isinstance(code, str) and code.isdecimal():
        code = int(code)
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def _line(said: Any, key: str) -> str:
    text = " ".join(said.encode("utf-8", "replace").decode().split()) if isinstance(said, str) else ""
    if key:
        text = text.replace(key, "…")
    # OpenAI quotes an unknown key in parts.
    return re.sub(r"\S*\*{3,}\S*", "…", text)[:_LONGEST_SAID]


_SYSTEM = (
    r"incompatible with system|system (role|message|prompt|instruction)s?\b.{0,40}\bnot (supported|allowed)"
)
_SYSTEM += r"|not support (the |a )?(system|developer)|only user,? and (assistant|model) roles"
_NO_VISION = (
    r"image input is not supported|not a multi-?modal model|at most 0 image|found that support image input"
)
_NO_VISION += r"|not support (vision|multi-?modal|images?( inputs?)?)\b(?! (format|type|of))|image_url is only supported"
_NO_VISION += r"|unsupported content (part )?type\b.{0,20}image|missing data required for image|not support.{0,20}image_url"
_NO_VISION += (
    r"|(unknown|invalid|unexpected) .{0,40}\bimage_url\b|mmproj|cannot (read|process|see|handle) images?\b"
)
_FORMAT = r"response_?format|json_schema|json_object|structured[ _]output|guided[ _](json|decoding)|grammar"
_SAFETY = (
    r"content[_ ](policy|filter|management)|responsible ?ai|\bsafety\b|moderation|was flagged|usage polic"
)
_TOO_LARGE = r"context[_ ](length|size|window)|too (large|long|big|many)|exceed"
_SPENT = r"insufficient_quota|exceeded your current quota|insufficient balance"


def dialect_changes(worded: Dialect, status: int, said: ErrorBody) -> dict[str, Any]:
    """Return the fields of the dialect to change for this server."""
    # Some servers answer 500 where the chat template rejects a message.
    if worded.system and status in (400, 422, 500) and said.has(_SYSTEM):
        return {"system": False}
    if (
        worded.limit == "max_tokens"
        and status in (400, 422)
        and said.has("max_completion_tokens.{0,3} instead")
    ):
        return {"limit": "max_completion_tokens"}
    return {}


def server_error(
    status: int, headers: Mapping[str, str], said: ErrorBody, params: GenerateParams
) -> ProviderError | ParameterError:
    """Return the error that a response without a reply means."""
    answer = (
        f"{params.endpoint} answers {status} ({said.text})"
        if said.text
        else f"{params.endpoint} answers {status}"
    )
    if status in (402, 429):
        return _limited(status, headers, said)
    if said.has(_NO_VISION):
        return ParameterError(
            f"{answer}: generate.model must name a model that takes images; {params.model} does not"
        )
    if status in (408, 409) or status >= 500:
        return TransientError(f"http {status}", said.text, delay=_delay(headers))
    if said.has(_SAFETY):
        return PermanentError("safety", said.text)
    if status in (401, 403):
        return InvalidKeyError(f"http {status}", said.text)
    if status in (400, 413, 422):
        return _refused(status, said, answer, params)
    return ParameterError(
        f"{answer}: correct generate.model ({params.model}), or generate.endpoint, which ends in /v1 for most servers"
    )


def _refused(
    status: int, said: ErrorBody, answer: str, params: GenerateParams
) -> PermanentError | ParameterError:
    """Return the error of a request that the server rejects, because of a parameter or of the image."""
    if status != 413 and params.reply_format != "text" and said.has(_FORMAT):
        simpler = "json or text" if params.reply_format == "schema" else "text"
        return ParameterError(
            f"{answer}: set generate.reply_format to {simpler}; it is {params.reply_format}"
        )
    if said.parameter == "temperature":
        return ParameterError(
            f"{answer}: set generate.temperature to null, or to one that {params.model} takes"
        )
    context = re.search(r"context (?:length|size|window)\D{1,40}(\d+)", said.text)
    longest = said.parameter in ("max_tokens", "max_completion_tokens")
    # Where the context is large enough for the reply, this image's listing or pixels leave too little room.
    if int(context[1]) <= params.max_output_tokens if context else longest:
        return ParameterError(
            f"{answer}: set generate.max_output_tokens to less; it is {params.max_output_tokens}, and the context must "
            "hold the prompt and the image, too"
        )
    return PermanentError("too large" if status == 413 or said.has(_TOO_LARGE) else "refused", said.text)


def _limited(status: int, headers: Mapping[str, str], said: ErrorBody) -> RateLimitError:
    limits = {}
    for name, unit in (("requests", "requests_per_minute"), ("tokens", "tokens_per_minute")):
        if re.fullmatch(r"[1-9]\d{0,14}", value := headers.get(f"x-ratelimit-limit-{name}", "")):
            limits[unit] = float(value)
    named = re.search(r"(requests|tokens) per (min|day)\w*[^:]{0,20}: Limit ([1-9]\d{0,14})\b", said.text)
    daily = status == 402 or bool(said.has(_SPENT)) or (named is not None and named[2] == "day")
    if named:
        # The message names the quota that is used up; where that is daily, the headers may be daily, too.
        limits = {} if daily else limits
        unit = f"{named[1]}_per_{'minute' if named[2] == 'min' else 'day'}"
        if unit != "tokens_per_day":
            limits[unit] = float(named[3])
    delay = _delay(headers)
    if delay is None:
        in_words = re.search(r"try again in ([\d.]+[a-z][\da-z.]*)", said.text)
        delay = _duration(in_words[1].rstrip(".")) if in_words else _reset(headers)
    return RateLimitError("429", said.text, delay, limits, daily)


def _delay(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of the headers Retry-After-Ms or Retry-After."""
    if (milliseconds := _duration(headers.get("retry-after-ms", "") + "ms")) is not None:
        return milliseconds
    value = headers.get("retry-after", "")
    if (seconds := _duration(value)) is not None or not value:
        return seconds
    try:
        until = parsedate_to_datetime(value)
        # The server's clock may differ from ours.
        date = headers.get("date")
        now = parsedate_to_datetime(date) if date else datetime.now(UTC)
        return max((until - now).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


def _reset(headers: Mapping[str, str]) -> float | None:
    """Return the seconds until the used up quota is restored, by OpenAI's x-ratelimit headers."""
    delays = {
        name: _duration(headers.get(f"x-ratelimit-reset-{name}", "")) for name in ("requests", "tokens")
    }
    spent = [
        delays[name]
        for name in delays
        if delays[name] is not None and headers.get(f"x-ratelimit-remaining-{name}") == "0"
    ]
    return max(spent) if spent else delays["requests"]


_SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _duration(text: str) -> float | None:
    """Return the seconds in '1.5', '1s', '858ms' or '6m0s'; None in any other text."""
    if not re.fullmatch(r"\d{1,15}(\.\d+)?|(\d{1,15}(\.\d+)?(ms|[smhd]))+", text.strip()):
        return None
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|[smhd]|)", text)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return seconds if seconds <= _LONGEST_RESET else None


def connection_error(error: "openai.APIConnectionError", key: str) -> TransientError:
    """Return the error of a request without a complete response."""
    import httpx2

    cause = error.__cause__
    reason = f"{type(cause).__name__} {_line(str(cause), key)}".strip()
    if isinstance(cause, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.ProxyError):
        return TransientError("unreachable", reason, reached=False)
    if isinstance(cause, httpx2.TimeoutException):
        return TransientError("timeout", reason)
    return TransientError("reset", reason)
