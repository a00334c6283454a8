"""Errors a user can act on: each message says what is wrong, where, and what to do."""

import re

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that move a terminal's cursor, change its colours or turn the direction of writing; not tab and newline."""


def visible(text: str) -> str:
    """Return a text from elsewhere as a terminal may show it: control characters as escapes."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class VqatuneError(Exception):
    """Any failure that is explained to the user in one line instead of a traceback."""

    def __str__(self) -> str:
        """Return the message as one line without control characters: what it quotes may have both."""
        lines = [line.strip() for line in super().__str__().splitlines()]
        return visible(" ".join(line for line in lines if line))

    def add_context(self, context: str) -> None:
        """Put `context` and a colon before the message, whatever else the error holds."""
        self.args = (f"{context}: {self}", *self.args[1:])


class ParameterError(VqatuneError):
    """A parameter that is unknown, of the wrong type, or not possible in combination with another."""


class ArchiveError(VqatuneError):
    """An archive that is missing, damaged or unsafe."""


class DataError(VqatuneError):
    """A table or a file whose content does not allow the next step."""


class ModelError(VqatuneError):
    """A checkpoint or an adapter that is incomplete or does not belong to what it is used with."""


class MissingExtraError(VqatuneError):
    """A package of an extra (`pip install 'vqatune[report]'`) is not installed."""


class ImageError(DataError):
    """An image cannot be decoded; its questions are skipped."""


class WorkerKilledError(VqatuneError):
    """Worker processes were killed each time that they tried the same work."""


class ClusterError(VqatuneError):
    """A cluster that cannot be reached, that loses what it does, or whose machines differ."""


class Stopped(VqatuneError):
    """The work ended before its end, by a signal or as one job of several; what was done is kept."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status
        """The exit status: of a signal, 128 and its number."""
