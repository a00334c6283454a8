"""The most probable answers to a question, in exact order: a search that goes on from the most probable beginning.

An answer is never more probable than any beginning of it. So what is complete, and at least as probable as every
beginning that is still open, is the next best of all answers, and the search ends there.
Hart, Nilsson and Raphael, A formal basis for the heuristic determination of minimum cost paths, 1968
(A*, with nothing to expect of what is to come), https://doi.org/10.1109/TSSC.1968.300136.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush

import torch
from torch import Tensor, nn

from vqatune.models.families.blip import Memory, Tower, decode, encode_questions, look, remember
from vqatune.models.packing import Batch, make_rows, make_texts, to

ABREAST = 8
"""Beginnings that are gone on from at a time."""
STEPS = 256
"""Beginnings that are gone on from before the search gives up."""


@dataclass(frozen=True)
class BestAnswers:
    """A question's most probable answers, the best first."""

    ids: list[tuple[int, ...]]
    """Token ids after [DEC], [SEP] included where the answer has one."""
    log_probabilities: list[float]
    """The sums of the tokens' natural log-probabilities."""
    proven: bool
    """Whether no other answer is more probable; False where the search gave up, and then the greedy answer, or one
    more probable, is the first."""


@torch.inference_mode()
def best_answers(
    model: nn.Module,
    batch: Batch,
    count: int,
    max_tokens: int,
    steps: int = STEPS,
    alike: Callable[[tuple[int, ...]], Hashable] | None = None,
    abreast: int = ABREAST,
    tower: Tower | None = None,
) -> list[BestAnswers]:
    """Return the most probable answers to every question.

    Args:
        model: as for `pair_losses`.
        batch: answers are not needed.
        count: how many answers to a question; there may be fewer in all.
        max_tokens: the most tokens an answer may have, its final [SEP] included; one that is cut off there counts
            as an answer, as for `greedy_answers`.
        steps: the most beginnings of answers to one question that are gone on from.
        alike: what answers that count as one have in common (such as their text); the most probable one stands for
            all of them. Without it, answers of different tokens are different.
        abreast: changes nothing but the speed, unless the search gives up.
        tower: how the vision tower runs.
    """
    states = encode_questions(model, look(model, batch, tower), batch)
    memory = remember(model, states, batch.questions.rows)
    found = []
    for pair in range(batch.pairs):
        own = memory.select(torch.tensor([pair], device=states.device))
        search = _Search(model, own, max_tokens, alike or (lambda ids: ids))
        found.append(search.run(count, steps, abreast))
    return found


@dataclass(frozen=True, order=True)
class _Open:
    """A beginning, or a whole answer; the more probable is the smaller, and of equals the one with smaller ids."""

    cost: float
    ids: tuple[int, ...]
    sibling: int = field(compare=False)
    """Which of the tokens that may follow its beginning, in order of probability, its last one is."""


@dataclass(frozen=True)
class _Expanded:
    """What may follow a beginning."""

    cost: float
    order: Tensor
    """(vocabulary,), int32: tokens, the most probable first."""
    costs: Tensor
    """(vocabulary,), float32: what each one adds to the cost."""


class _Search:
    """The search for the answers to one question.

    Of the tokens that may follow a beginning only the most probable is in the heap; when it is taken out, the next
    comes in. So the heap stays small beside a large vocabulary, and nothing is left out.
    """

    def __init__(
        self, model: nn.Module, memory: Memory, max_tokens: int, alike: Callable[[tuple[int, ...]], Hashable]
    ) -> None:
        self._model, self._memory, self._max_tokens, self._alike = model, memory, max_tokens, alike
        self._end = model.config.text_config.sep_token_id
        self._heap: list[_Open] = []
        self._expanded: dict[tuple[int, ...], _Expanded] = {}

    def run(self, count: int, steps: int, abreast: int) -> BestAnswers:
        best: dict[Hashable, _Open] = {}
        self._expand([_Open(0.0, (), 0)])
        while self._heap and len(best) < count:
            if self._complete(self._heap[0]):
                answer = self._take()
                best.setdefault(self._alike(answer.ids), answer)
            elif len(self._expanded) < steps:
                self._expand(self._take_open(min(abreast, steps - len(self._expanded))))
            else:
                return _as_found(self._give_up(best, count), proven=False)
        return _as_found(list(best.values()), proven=True)

    def _complete(self, entry: _Open) -> bool:
        return entry.ids[-1] == self._end or len(entry.ids) == self._max_tokens

    def _take(self) -> _Open:
        """Take the most probable entry out of the heap, and put its next sibling in."""
        entry = heappop(self._heap)
        self._push(entry.ids[:-1], entry.sibling + 1)
        return entry

    def _push(self, beginning: tuple[int, ...], sibling: int) -> None:
        parent = self._expanded[beginning]
        if sibling < len(parent.order):
            ids = (*beginning, int(parent.order[sibling]))
            heappush(self._heap, _Open(parent.cost + float(parent.costs[sibling]), ids, sibling))

    def _take_open(self, most: int) -> list[_Open]:
        """Take the most probable beginnings out of the heap; whole answers stay."""
        whole, taken = [], []
        while self._heap and len(taken) < most:
            if self._complete(self._heap[0]):
                whole.append(heappop(self._heap))
            else:
                taken.append(self._take())
        for entry in whole:
            heappush(self._heap, entry)
        return taken

    def _expand(self, entries: list[_Open]) -> None:
        """Find out what may follow some beginnings."""
        start = self._model.decoder_start_token_id
        device = self._memory.layers[0][0].device
        texts = to(make_texts([(start, *entry.ids) for entry in entries]), device)
        ends = texts.rows.seen.sum(1)
        together = to(make_rows([int(ends.sum())]), device)
        logits = decode(self._model, texts, self._memory, together)[ends.cumsum(0) - 1]
        costs, order = (-logits.float().log_softmax(-1)).sort(dim=-1, stable=True)
        for entry, own_costs, own_order in zip(entries, costs.cpu(), order.int().cpu(), strict=True):
            self._expanded[entry.ids] = _Expanded(entry.cost, own_order, own_costs)
            self._push(entry.ids, 0)

    def _give_up(self, best: dict[Hashable, _Open], count: int) -> list[_Open]:
        """Return the best of what is complete, of the greedy answer, and of going on greedily from what is open."""
        open_entries = sorted(entry for entry in self._heap if not self._complete(entry))[: count - len(best)]
        whole = [entry for entry in self._heap if self._complete(entry)]
        for entry in [_Open(0.0, (), 0), *open_entries]:
            whole.append(self._greedily(entry))
        heapify(whole)
        while whole and len(best) < count:
            answer = heappop(whole)
            best.setdefault(self._alike(answer.ids), answer)
        return sorted(best.values())

    def _greedily(self, entry: _Open) -> _Open:
        while not entry.ids or not self._complete(entry):
            if entry.ids not in self._expanded:
                self._expand([entry])
            parent = self._expanded[entry.ids]
            entry = _Open(entry.cost + float(parent.costs[0]), (*entry.ids, int(parent.order[0])), 0)
        return entry


def _as_found(answers: Sequence[_Open], proven: bool) -> BestAnswers:
    return BestAnswers([answer.ids for answer in answers], [-answer.cost for answer in answers], proven)
