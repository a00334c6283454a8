"""The console that tables and answers are printed on: control characters in what it prints are shown as escapes.

Texts of catalogues, file names, questions and answers of servers come from strangers, and a terminal obeys what is in them.
"""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from vqatune.errors import visible


class Terminal(Console):
    """A console whose text cannot move the cursor, set a title or change colours; rich's own control codes do."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of a renderable, their control characters as escapes."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else visible(text), style, control)
