"""Errors of requests that got no reply; the class says what to do: wait, use another key, or set the image aside."""


class ProviderError(Exception):
    """A request that got no reply; the text gives the reason and never contains a key.

    `kind` is a word or two for counting, such as 'http 503'.
    """

    def __init__(self, kind: str, reason: str = "") -> None:
        super().__init__(reason or kind)
        self.kind = kind


class TransientError(ProviderError):
    """The server is busy, broken or out of reach; try again after `delay` seconds, where it names a delay.

    `reached` is false where there is no server at the endpoint.
    """

    def __init__(self, kind: str, reason: str = "", delay: float | None = None, reached: bool = True) -> None:
        super().__init__(kind, reason)
        self.delay, self.reached = delay, reached


class RateLimitError(TransientError):
    """The key has used up a quota (429).

    `limits` holds the quotas that the server names: requests_per_minute, tokens_per_minute or requests_per_day.
    `daily` is true where the quota of a day is used up.
    """

    def __init__(
        self,
        kind: str,
        reason: str = "",
        delay: float | None = None,
        limits: dict[str, float] | None = None,
        daily: bool = False,
    ) -> None:
        super().__init__(kind, reason, delay)
        self.limits, self.daily = limits or {}, daily


class InvalidKeyError(ProviderError):
    """The server rejects the key, and would reject it with any other request."""


class PermanentError(ProviderError):
    """The server refuses the request because of its image, and would refuse it again."""
