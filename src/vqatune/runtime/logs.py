"""Logging to standard error, as bare messages without level or name."""

import logging
import sys
from typing import TextIO

from vqatune.errors import visible


class _StandardError(logging.StreamHandler[TextIO]):
    """A handler that looks sys.stderr up for every message, as tests replace it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))

    @property
    def stream(self) -> TextIO:
        return sys.stderr


def configure() -> None:
    """Print this package's messages of level INFO and above on standard error; may be called repeatedly."""
    logger = logging.getLogger("vqatune")
    logger.setLevel(logging.INFO)
    # A library that gives the root logger a handler (rouge-score does, by absl) would print every message once more.
    logger.propagate = False
    if not any(isinstance(handler, _StandardError) for handler in logger.handlers):
        logger.addHandler(_StandardError())
