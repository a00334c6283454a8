"""Errors of requests, in OpenAI's form."""

import json
from collections.abc import Mapping

from starlette.responses import Response


class RequestError(Exception):
    """A request that is not answered."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = dict(headers or {})


_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}


def error_response(error: RequestError) -> Response:
    """Return the response that says what is wrong."""
    kind = _TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "server_error")
    said = {"message": error.message, "type": kind, "param": error.param, "code": error.code}
    return json_response({"error": said}, error.status, error.headers)


def json_response(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response of JSON; NaN and infinity, which JSON does not have, raise ValueError."""
    body = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(body, status, headers, "application/json")
