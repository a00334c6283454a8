"""What a reply brings, and whether it is worth asking again where it brings nothing."""

from vqatune.questions.providers import Reading
from vqatune.questions.reading import ReadPairs, read_pairs

_ENDS_AT_ONCE = ("blocked",)
"""Replies of which another would be the same."""


def pairs_of(reading: Reading) -> ReadPairs:
    """Return the pairs that a reply brings; of one that was cut off, those that are whole."""
    return read_pairs(reading.text, cut=reading.finish != "stop")


def kind_of_failure(reading: Reading) -> str:
    """Return why a reply brings no pairs."""
    return reading.finish if reading.finish != "stop" else "not_as_asked"


def ask_again(kind: str, tries: int, attempts: int) -> bool:
    """Return whether to ask again after so many replies without pairs, the last of them of this kind."""
    return kind not in _ENDS_AT_ONCE and tries < attempts
