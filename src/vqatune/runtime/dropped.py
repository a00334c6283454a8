"""What a stage says at its end where it has dropped much: how many, for which reasons, and which parameter decides."""

from collections.abc import Mapping

LEAST = 0.1
"""The share of what came in from which a stage says what it has dropped."""
_REASONS = 3


def dropped_line(
    what: str, total: int, reasons: Mapping[str, int], decides: Mapping[str, str], more: str = ""
) -> str | None:
    """Return a line on what was dropped; None where that is not more than a tenth.

    Args:
        what: is counted: "pairs".
        total: of what came in.
        reasons: reason → how many were dropped for it.
        decides: reason → the parameter that decides on it.
        more: where to look for more.
    """
    dropped = sum(reasons.values())
    if dropped <= LEAST * total:
        return None
    ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    named = [
        f"{name.replace('_', ' ')} {count:,}" + (f" ({decides[name]})" if name in decides else "")
        for name, count in ranked[:_REASONS]
        if count
    ]
    rest = sum(count for _, count in ranked[_REASONS:])
    if rest:
        named.append(f"others {rest:,}")
    return f"{dropped:,} of {total:,} {what} are dropped ({dropped / total:.0%}): {', '.join(named)}{more}"
