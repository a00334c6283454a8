"""What a reply brings, and whether it is worth asking again where it brings nothing."""

from collections import Counter

from vqatune.generation.providers import Reading
from vqatune.generation.replies.parsing import ReadPairs, read_pairs

ALL_WITHOUT_PAIRS = 50
"""When so many replies hold no pairs, the rest would not, either, and each is paid for."""
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


def without_pairs(replies: int, failures: Counter) -> str:
    """Return what to tell a user whose model has replied so often without a pair; `failures` are by kind."""
    most = ", ".join(f"{kind} {count}" for kind, count in failures.most_common(3))
    return (
        f"the first {replies} replies hold no pairs (most often: {most}): look at generate.model, generate.prompt, "
        "generate.reply_format and generate.max_output_tokens"
    )
