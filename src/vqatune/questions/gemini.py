"""The gemini provider: question-answer pairs that Google's Gemini writes, one request an image."""

import json
import logging
import os
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import httpx2
import pandas as pd
from google import genai
from google.genai import errors, types

from vqatune.catalogue.archive import read_bytes
from vqatune.errors import DataError, ParameterError
from vqatune.params import GenerateParams
from vqatune.progress import track
from vqatune.questions.checks import DIFFICULTIES, QUESTION_TYPES
from vqatune.questions.replies import (
    REPLIES,
    Later,
    NoReply,
    Refused,
    collect_replies,
    read_reply,
    reply_key,
)

PROMPT = "vqa-v1"
KEY_FILE = Path(".gemini-key")

_pair_schema = {
    "question": {"type": "string"},
    "answer": {"type": "string"},
    "difficulty": {"type": "integer", "enum": list(DIFFICULTIES)},
    "question_type": {"type": "string", "enum": list(QUESTION_TYPES)},
}
_items = {"type": "object", "properties": _pair_schema, "required": list(_pair_schema)}
SCHEMA = {
    "type": "object",
    "properties": {"qa_pairs": {"type": "array", "minItems": 5, "items": _items}},
    "required": ["qa_pairs"],
}
"""The form of a reply, in JSON Schema."""

_signatures = {"image/jpeg": rb"\xff\xd8\xff", "image/png": rb"\x89PNG", "image/webp": rb"RIFF....WEBP"}


def gemini_pairs(
    sampled: pd.DataFrame,
    params: GenerateParams,
    folder: Path = REPLIES,
    key_file: Path = KEY_FILE,
    pause: float = 1.0,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Return the pairs that Gemini writes about the images, and how many images had which kind of reply.

    Replies are kept in `folder`, and only those it lacks are asked for; `pause` is the shortest wait in seconds
    before an image is asked about again.

    The pairs have the columns image_id, place, question, answer, difficulty (Int8, -1 for one that does not
    exist), question_type (may be missing) and source (the model's name), and do not depend on the order of
    `sampled` (tables.SAMPLED). Of the kinds of replies, only as_asked gives pairs; the others are not_as_asked
    (something else than SCHEMA), blocked, Gemini's own reasons to break off (max_tokens, safety, …), refused
    (Gemini cannot read the image; the one kind that the next run asks for again) and unsupported_image.

    Raises ParameterError where there is no key, or Gemini refuses it, the model or the endpoint, and DataError
    where images are left without a reply. Either way, all replies so far are kept.
    """
    images = sampled.sort_values("image_id")
    keys, missing, kinds = {}, {}, Counter()
    for image in track(images.itertuples(index=False), "looking for replies", total=len(images)):
        content = _content(image)
        if not _mime_type(content):
            kinds["unsupported_image"] += 1
            continue
        keys[image.image_id] = key = reply_key(content, _asked(image, params))
        if read_reply(folder, key) is None:
            missing[key] = image
    failures: dict[str, NoReply] = {}
    if missing:
        ask = _asker(params, _read_key(key_file))
        title = f"asking {params.model}"
        failures = collect_replies(missing, ask, folder, title, params.concurrency, params.attempts, pause)
    rows = []
    for image_id, key in keys.items():
        kind, pairs = _pairs_of(read_reply(folder, key), failures.get(key))
        kinds[kind] += 1
        rows += [(image_id, place, *_values(pair)) for place, pair in enumerate(pairs)]
    left = kinds["unanswered"] + kinds["refused"]
    if kinds["unanswered"] or (failures and left == len(keys)):
        reason, count = Counter(map(str, failures.values())).most_common(1)[0]
        raise DataError(
            f"{params.model} has replied about {len(keys) - left} of {len(images)} images; {left} are left, most "
            f"often because of: {reason} ({count} of {len(failures)} failures); run again to go on from there"
        )
    texts = ["image_id", "question", "answer", "question_type", "source"]
    columns = ["image_id", "place", "question", "answer", "difficulty", "question_type"]
    frame = pd.DataFrame(rows, columns=columns).assign(source=params.model)
    frame = frame.astype({"place": "int32", "difficulty": "Int8"} | dict.fromkeys(texts, "str"))
    return frame, dict(sorted(kinds.items()))


def _asked(image: Any, params: GenerateParams) -> dict[str, Any]:
    """Return all that determines a reply, but for the image's bytes."""
    known = {"provider": "gemini", "model": params.model, "temperature": params.temperature}
    return known | {"prompt": _prompt(), "schema": SCHEMA, "listing": _listing(image)}


@cache
def _prompt() -> str:
    return resources.files("vqatune.questions").joinpath(f"prompts/{PROMPT}.md").read_text("utf-8")


def _listing(image: Any) -> str:
    fields = json.loads(image.metadata)
    listing = {"language": image.language, "product_type": image.product_type, "fields": fields}
    # Without a "<" of its own, no text of the listing can close the fence.
    text = json.dumps(listing, ensure_ascii=False).replace("<", "\\u003c")
    return f"<listing>\n{text}\n</listing>"


def _content(image: Any) -> bytes:
    return read_bytes(image.archive, image.offset, image.length)


def _mime_type(content: bytes) -> str | None:
    """Return the type that the first bytes tell; None for one that Gemini does not take."""
    return next((kind for kind, start in _signatures.items() if re.match(start, content, re.DOTALL)), None)


def _read_key(key_file: Path) -> str:
    key = os.environ.get("GEMINI_API_KEY", "").strip()
    if not key and key_file.is_file():
        key = key_file.read_text("utf-8-sig", errors="replace").partition("\n")[0].strip()
    if not (key and key.isascii() and key.isprintable()):
        raise ParameterError(
            "generate.provider is 'gemini', which needs a key: set the environment variable GEMINI_API_KEY, or put "
            f"it on the first line of {key_file} (git ignores that file)"
        )
    return key


def _asker(params: GenerateParams, api_key: str) -> Callable[[Any], dict[str, Any]]:
    """Return a function that asks about an image and returns the record of the reply, or raises NoReply."""
    # It would warn that it uses GOOGLE_API_KEY, where that is set too; it uses the key given here.
    logging.getLogger("google_genai").setLevel(logging.ERROR)
    options = types.HttpOptions(
        base_url=params.endpoint,
        # v1 has fewer models and, for long, had no system instruction and no schema.
        api_version="v1beta",
        timeout=round(params.timeout_seconds * 1000),
        retry_options=types.HttpRetryOptions(attempts=1),
    )
    client = genai.Client(vertexai=False, api_key=api_key, http_options=options)
    config = types.GenerateContentConfig(
        system_instruction=_prompt(),
        temperature=params.temperature,
        response_mime_type="application/json",
        response_json_schema=SCHEMA,
        automatic_continuation=False,
        # The reply as it was sent: nothing that has been paid for is lost to the SDK's reading of it.
        should_return_http_response=True,
    )
    about = {"provider": "gemini", "model": params.model, "temperature": params.temperature, "prompt": PROMPT}

    def ask(image: Any) -> dict[str, Any]:
        content, listing = _content(image), _listing(image)
        parts = [types.Part.from_bytes(data=content, mime_type=_mime_type(content)), types.Part(text=listing)]
        try:
            response = client.models.generate_content(model=params.model, contents=parts, config=config)
        except errors.APIError as error:
            # Not chained, for the SDK's error holds the request, and that the key.
            raise _explained(error, api_key) from None
        except (httpx2.RequestError, UnicodeDecodeError) as error:
            raise Later(f"{type(error).__name__} {' '.join(str(error).split())}".strip()) from None
        try:
            reply = json.loads(response.sdk_http_response.body)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise Later("something that is no reply of Gemini's came back")
        return about | {"listing": listing, "reply": reply}

    return ask


def _explained(error: errors.APIError, api_key: str) -> Exception:
    """Return our error for the SDK's: whether to ask again later, to leave the image out, or to give up."""
    body = error.details.get("error") if isinstance(error.details, dict) else None
    listed = body.get("details") if isinstance(body, dict) else None
    details = [detail for detail in listed if isinstance(detail, dict)] if isinstance(listed, list) else []
    status = f"{error.code} {error.status}".replace(api_key, "…")
    if error.code in (408, 429) or error.code >= 500:
        delays = [str(detail.get("retryDelay")) for detail in details]
        delays.append(error.response.headers.get("retry-after", ""))
        seconds = [float(delay.rstrip("s")) for delay in delays if re.fullmatch(r"\d+(\.\d+)?s?", delay)]
        return Later(status, delay=max(seconds, default=None), everyone=error.code == 429)
    said = f"{status}: {' '.join(str(error.message).split())}".replace(api_key, "…")
    bad_key = any(str(detail.get("reason")).startswith("API_KEY") for detail in details)
    if error.code == 413 or (error.status == "INVALID_ARGUMENT" and not bad_key):
        return Refused(said)
    culprit = "generate.model or generate.endpoint" if error.code == 404 else "the key"
    return ParameterError(f"Gemini refuses to be asked ({said}): correct {culprit} and run again")


def _pairs_of(reply: dict[str, Any] | None, failure: NoReply | None) -> tuple[str, list[dict]]:
    """Return the kind of a reply, and its pairs."""
    if reply is None:
        return "refused" if isinstance(failure, Refused) else "unanswered", []
    try:
        if "blockReason" in reply.get("promptFeedback", {}):
            return "blocked", []
        candidate = reply["candidates"][0]
        if candidate["finishReason"] != "STOP":
            return candidate["finishReason"].lower(), []
        parts = candidate["content"]["parts"]
        text = "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))
        pairs = json.loads(text)["qa_pairs"]
    except (LookupError, TypeError, AttributeError, ValueError, RecursionError):
        return "not_as_asked", []
    as_asked = isinstance(pairs, list) and all(isinstance(pair, dict) for pair in pairs)
    return ("as_asked", pairs) if as_asked else ("not_as_asked", [])


def _values(pair: dict[str, Any]) -> tuple[str, str, int | None, str | None]:
    level, kind = pair.get("difficulty"), pair.get("question_type")
    if level is not None:
        level = int(level) if level in DIFFICULTIES else -1
    return _text(pair, "question"), _text(pair, "answer"), level, kind if kind in QUESTION_TYPES else None


def _text(pair: dict[str, Any], name: str) -> str:
    value = pair.get(name)
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value)
    # JSON can spell half a character, which no file can hold.
    return text.encode("utf-8", "replace").decode("utf-8")
