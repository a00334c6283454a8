"""Why a request about an image got no reply, and what that asks for: patience, another key, or leaving the image out."""


class Failure(Exception):
    """A request that got no reply; the text says why and never holds a key.

    `kind` is a word or two for counting, such as 'http 503'.
    """

    def __init__(self, kind: str, reason: str = "") -> None:
        super().__init__(reason or kind)
        self.kind = kind


class Passing(Failure):
    """The server is busy, broken or out of reach: it may be there later, after `delay` seconds if it says so.

    `reached` is false where no server was found at the endpoint.
    """

    def __init__(self, kind: str, reason: str = "", delay: float | None = None, reached: bool = True) -> None:
        super().__init__(kind, reason)
        self.delay, self.reached = delay, reached


class Limited(Passing):
    """The key has asked too much for now (429).

    `limits` holds the quotas that the server names: requests_per_minute, tokens_per_minute or requests_per_day, by
    number. `daily` is true where the quota of a day is used up.
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


class BadKey(Failure):
    """The server does not take the key; no other request with it would be answered."""


class Refused(Failure):
    """The request would be refused again, for the sake of the image it is about."""
