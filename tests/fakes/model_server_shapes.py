"""The JSON of the two protocols that the fake model server speaks: requests read, replies and errors written."""

import base64
import json
import math
import time
from dataclasses import dataclass, field
from typing import Any

from model_server_quotas import Violation
from model_server_texts import image_name

# Google's enums by number, for clients that ask for numbers ($alt=json;enum-encoding=int).
_FINISH = {"STOP": 1, "MAX_TOKENS": 2, "SAFETY": 3, "RECITATION": 4, "OTHER": 5}
_BLOCK = {"SAFETY": 1, "OTHER": 2, "PROHIBITED_CONTENT": 4}
_HARM = {"HARM_CATEGORY_SEXUALLY_EXPLICIT": 9, "HIGH": 4}
_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_SAID = {
    400: "Unable to process input image. Retry with another one, or see the troubleshooting guide.",
    404: "models/{model} is not found for API version v1beta, or is not supported for this method.",
    408: "The request was not sent in time.",
    429: "Resource has been exhausted (e.g. check quota).",
    500: "An internal error has occurred.",
    503: "The model is overloaded. Try again later.",
    504: "Deadline expired before the operation could complete.",
}
_METRIC = "generativelanguage.googleapis.com/generate_content_free_tier_"
_QUOTAS = {
    "requests_per_minute": ("requests", "GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
    "tokens_per_minute": ("input_token_count", "GenerateContentInputTokensPerModelPerMinute-FreeTier"),
    "requests_per_day": ("requests", "GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
}
_IMAGE_TOKENS = 258
_CHARACTERS_PER_TOKEN = 4


@dataclass(slots=True)
class Reply:
    """An HTTP reply, whole."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    output_tokens: int = 0


def json_reply(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps(value).encode(), headers=headers or {})


def html_reply(status: int, title: str) -> Reply:
    page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Reply(status, page.encode(), "text/html")


def read_gemini(body: dict) -> tuple[str, int]:
    """Return the name of the image that a generateContent body is about, and its input tokens."""
    characters, images, name = 0, 0, ""
    contents = body.get("contents") or []
    system = body.get("systemInstruction") or body.get("system_instruction") or {}
    for content in [*(contents if isinstance(contents, list) else [contents]), system]:
        for part in content.get("parts") or ():
            characters += len(part.get("text") or "")
            data = part.get("inlineData") or part.get("inline_data")
            if data:
                images, name = images + 1, image_name(_decoded(data["data"]))
    return name, images * _IMAGE_TOKENS + math.ceil(characters / _CHARACTERS_PER_TOKEN)


def read_chat(body: dict) -> tuple[str, int]:
    """Return the name of the image that a chat completion's body is about, and its input tokens."""
    characters, images, name = 0, 0, ""
    for message in body["messages"]:
        content = message["content"]
        for part in [{"text": content}] if isinstance(content, str) else content or ():
            characters += len(part.get("text") or "")
            if "image_url" in part:
                images, name = images + 1, image_name(_decoded(part["image_url"]["url"].partition(",")[2]))
    return name, images * _IMAGE_TOKENS + math.ceil(characters / _CHARACTERS_PER_TOKEN)


def _decoded(text: str) -> bytes:
    # Some clients write the URL-safe alphabet, some the plain one.
    text = text.translate({ord("-"): "+", ord("_"): "/"})
    return base64.b64decode(text + "=" * (-len(text) % 4))


def tokens_in(text: str) -> int:
    return math.ceil(len(text) / _CHARACTERS_PER_TOKEN)


def gemini_reply(
    texts: list[str | dict], finish: str, input_tokens: int, model: str, numbers: bool = False
) -> dict:
    """Return a generateContent reply whose parts are the texts (or parts as they are); [] is without content."""
    parts = [part if isinstance(part, dict) else {"text": part} for part in texts]
    output = sum(tokens_in(part["text"]) for part in parts if not part.get("thought"))
    thoughts = sum(tokens_in(part["text"]) for part in parts if part.get("thought"))
    candidate: dict[str, Any] = {"finishReason": _FINISH[finish] if numbers else finish, "index": 0}
    if parts:
        candidate["content"] = {"parts": parts, "role": "model"}
    if finish == "SAFETY":
        names = ["HARM_CATEGORY_SEXUALLY_EXPLICIT", "HIGH"]
        category, probability = (_HARM[name] for name in names) if numbers else names
        candidate["safetyRatings"] = [{"category": category, "probability": probability, "blocked": True}]
    usage = {"promptTokenCount": input_tokens, "candidatesTokenCount": output}
    usage |= {"thoughtsTokenCount": thoughts} if thoughts else {}
    usage["totalTokenCount"] = input_tokens + output + thoughts
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model, "responseId": "r"}


def gemini_without_candidates(input_tokens: int, model: str, blocked: bool, numbers: bool = False) -> dict:
    """Return a generateContent reply about a prompt that was blocked, or without any reason."""
    reason = "PROHIBITED_CONTENT"
    feedback = {"promptFeedback": {"blockReason": _BLOCK[reason] if numbers else reason}} if blocked else {}
    usage = {"promptTokenCount": input_tokens, "totalTokenCount": input_tokens}
    return feedback | {"usageMetadata": usage, "modelVersion": model}


def chat_reply(text: str | None, finish: str, input_tokens: int, model: str) -> dict:
    """Return a chat completion."""
    output = tokens_in(text or "")
    message = {"role": "assistant", "content": text, "refusal": None}
    usage = {"prompt_tokens": input_tokens, "completion_tokens": output}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish, "logprobs": None}],
        "usage": usage | {"total_tokens": input_tokens + output},
    }


def gemini_error(status: int, message: str = "", details: list[dict] | None = None, model: str = "") -> dict:
    """Return an error as Google writes it."""
    message = message or _SAID.get(status, "Something went wrong.").format(model=model)
    error = {"code": status, "message": message, "status": _STATUS.get(status, "UNKNOWN")}
    return {"error": error | ({"details": details} if details else {})}


def chat_error(status: int, message: str = "", kind: str = "", code: str | None = None) -> dict:
    """Return an error as OpenAI writes it."""
    kind = kind or ("invalid_request_error" if status < 500 else "server_error")
    message = message or _SAID.get(status, "Something went wrong.").format(model="asked for")
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def exhausted_gemini(delay: float | None, violations: list[Violation], retry_after: bool) -> Reply:
    """Return a 429 as Google writes it: with the delay where one is given, and the quotas that are."""
    details, headers, message = [], {}, ""
    if violations:
        message = "You exceeded your current quota, please check your plan and billing details."
        named = [(*_QUOTAS[violation.name], str(violation.limit)) for violation in violations]
        told = [
            {"quotaMetric": _METRIC + metric, "quotaId": quota, "quotaValue": value}
            for metric, quota, value in named
        ]
        details.append({"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": told})
    if delay is not None:
        if retry_after:
            headers["Retry-After"] = _seconds(delay)
        else:
            kind = "type.googleapis.com/google.rpc.RetryInfo"
            details.append({"@type": kind, "retryDelay": f"{_seconds(delay)}s"})
    return json_reply(gemini_error(429, message, details), 429, headers)


def exhausted_chat(delay: float | None, violations: list[Violation]) -> Reply:
    """Return a 429 as OpenAI writes it: delay and quotas stand in its headers."""
    headers = {}
    for violation in violations:
        what = "tokens" if violation.name.startswith("tokens") else "requests"
        headers[f"x-ratelimit-limit-{what}"] = str(violation.limit)
        headers[f"x-ratelimit-remaining-{what}"] = "0"
        if delay is not None:
            headers[f"x-ratelimit-reset-{what}"] = f"{_seconds(violation.delay)}s"
    if delay is not None:
        headers |= {"retry-after": _seconds(delay), "retry-after-ms": str(math.ceil(delay * 1000))}
    names = " and ".join(violation.name.replace("_", " ") for violation in violations) or "requests"
    kind = violations[0].name.split("_")[0] if violations else "requests"
    error = chat_error(429, f"Rate limit reached on {names}.", kind, "rate_limit_exceeded")
    return json_reply(error, 429, headers)


def _seconds(delay: float) -> str:
    """Write seconds so that whoever waits for so long is not a moment too early."""
    return f"{math.ceil(max(delay, 0.0) * 1000) / 1000:.3f}"


def refused_key(key: str, status: int, chat: bool) -> Reply:
    """Return the refusal of a key; it quotes the key, as real ones do."""
    if chat:
        code = "invalid_api_key" if status in (400, 401) else None
        return json_reply(chat_error(status, f"Incorrect API key provided: {key}.", code=code), status)
    service = {"service": "generativelanguage.googleapis.com"}
    reason, message = {
        400: ("API_KEY_INVALID", "API key not valid. Please pass a valid API key."),
        401: ("CREDENTIALS_MISSING", "Request is missing required authentication credential."),
    }.get(status, ("API_KEY_SERVICE_BLOCKED", f"The caller with key {key} does not have permission."))
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
    info |= {"domain": "googleapis.com", "metadata": service}
    debug = {"@type": "type.googleapis.com/google.rpc.DebugInfo", "detail": f"Invalid API key: {key}"}
    return json_reply(gemini_error(status, message, [info, debug]), status)


def model_reply(names: list[str] | None, name: str, openai: bool) -> Reply:
    """Return what there is to know of a model, or of all where the name is empty."""
    known = [name] if name else names or []
    if name and names is not None and name not in names:
        return json_reply(chat_error(404) if openai else gemini_error(404, model=name), 404)
    if openai:
        shown = [{"id": one, "object": "model", "created": 0, "owned_by": "test"} for one in known]
        return json_reply(shown[0] if name else {"object": "list", "data": shown})
    methods = {"version": "1", "supportedGenerationMethods": ["generateContent", "batchGenerateContent"]}
    shown = [{"name": f"models/{one}"} | methods for one in known]
    return json_reply(shown[0] if name else {"models": shown})
