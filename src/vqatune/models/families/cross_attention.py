"""Questions as decoders with cross-attention read them: keys and values, computed once a question."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class KeysAndValues:
    """The decoder's cross-attention keys and values, computed once per question."""

    layers: list[tuple[Tensor, Tensor]]
    """Key and value of each layer, (pairs, heads, question tokens, head width)."""
    mask: Tensor | None
    """(pairs, 1, 1, question tokens), bool; None where there is no padding."""

    @property
    def pairs(self) -> int:
        """The number of questions."""
        return len(self.layers[0][0])

    def select(self, pairs: Tensor) -> "KeysAndValues":
        """Return the keys and values of some of the pairs."""
        layers = [(key.index_select(0, pairs), value.index_select(0, pairs)) for key, value in self.layers]
        return KeysAndValues(layers, None if self.mask is None else self.mask.index_select(0, pairs))
