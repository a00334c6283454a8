"""Turn a product catalogue into a visual-question-answering dataset, tune BLIP on it, measure every version."""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vqatune.from_frame import tune
    from vqatune.inference.answering.answer import Answer
    from vqatune.inference.answering.answerer import Answerer

__all__ = ["Answer", "Answerer", "tune"]

# peft imports it where it is installed, and it names a package, as one that users lack, that nothing here uses.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)


def __getattr__(name: str) -> Any:
    # When they are asked for: torch takes seconds to import, and most of this package does without it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "tune":
        from vqatune import from_frame

        return from_frame.tune
    from vqatune.inference.answering import answerer

    return getattr(answerer, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
