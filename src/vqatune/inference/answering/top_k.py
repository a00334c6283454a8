"""Exact top-k decoding: the most probable answers to a question by best-first search over prefixes.

An answer is at most as probable as any of its prefixes. So a complete answer that is at least as probable as every
open prefix is the next best of all answers.
Hart, Nilsson and Raphael, A formal basis for the heuristic determination of minimum cost paths, 1968 (A* with a
heuristic of zero), https://doi.org/10.1109/TSSC.1968.300136.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from heapq import heapify, heappop, heappush

import torch
from torch import Tensor, nn

from vqatune.models.family import EncodedQuestions, VisionOptions
from vqatune.models.family_lookup import generating_family_of, image_states_of
from vqatune.models.packing import PackedBatch, make_row_layout, make_texts, to_device

PREFIXES_AT_ONCE = 8
"""Prefixes that are expanded in one batch."""
MOST_EXPANSIONS = 256
"""Prefixes that are expanded before the search gives up."""


@dataclass(frozen=True)
class TopKAnswers:
    """The most probable answers to a question, in descending order."""

    ids: list[tuple[int, ...]]
    """Token ids after the start token, up to and including the end token where the answer has one."""
    log_probabilities: list[float]
    """Sums of the tokens' natural log-probabilities."""
    proven: bool
    """Whether these are exactly the top k; False where the search gave up, and then the first answer is at least as
    probable as the greedy one, if that may be listed."""


@torch.inference_mode()
def top_k_answers(
    model: nn.Module,
    batch: PackedBatch,
    count: int,
    max_tokens: int,
    expansions: int = MOST_EXPANSIONS,
    key: Callable[[tuple[int, ...]], Hashable] | None = None,
    excluded: Sequence[int] = (),
    prefixes_at_once: int = PREFIXES_AT_ONCE,
    vision_options: VisionOptions | None = None,
) -> list[TopKAnswers]:
    """Return the most probable answers to each question.

    Args:
        model: as for `pair_losses`.
        batch: images and questions; answers are not used.
        count: the number of answers to each question (k); fewer where there are no more.
        max_tokens: the maximum length of an answer, its end token included; one cut off there counts as complete, as in
            `greedy_answers`.
        expansions: the most prefixes to expand for a question.
        key: answers of equal key (such as their text) count as one, and the most probable represents them; one whose key
            is None is left out, unless there is no other. None for the token ids.
        excluded: ids of tokens that no answer may have, but for the end token; probabilities are those of the model, which
            may write them.
        prefixes_at_once: affects the speed only, unless the search gives up.
        vision_options: how the vision tower runs; None for the defaults.
    """
    states = image_states_of(model, batch, vision_options)
    questions = generating_family_of(model).encode_questions(model, replace(batch, image_states=states))
    found, device = [], batch.questions.ids.device
    for pair in range(batch.pairs):
        own = questions.select(torch.tensor([pair], device=device))
        search = _Search(model, own, device, max_tokens, key or (lambda ids: ids), excluded)
        found.append(search.run(count, expansions, prefixes_at_once))
    return found


@dataclass(frozen=True, order=True)
class _Prefix:
    """A prefix or a complete answer, ordered by descending probability, then by ids."""

    cost: float
    """The negative log-probability."""
    ids: tuple[int, ...]
    sibling: int = field(compare=False)
    """The rank of its last token among the continuations of its parent."""


@dataclass(frozen=True)
class _Continuations:
    """The tokens that may follow a prefix."""

    cost: float
    order: Tensor
    """(vocabulary,), int32: token ids, the most probable first."""
    costs: Tensor
    """(vocabulary,), float32: their negative log-probabilities, in the same order."""


class _Search:
    """Best-first search for the answers to one question.

    Of each prefix's continuations only the most probable is in the heap, and popping it pushes the next one. So the
    heap stays small whatever the vocabulary, and the search stays complete.
    """

    def __init__(
        self,
        model: nn.Module,
        question: EncodedQuestions,
        device: torch.device,
        max_tokens: int,
        key: Callable[[tuple[int, ...]], Hashable],
        excluded: Sequence[int],
    ) -> None:
        self._model, self._question, self._device = model, question, device
        self._max_tokens, self._key = max_tokens, key
        self._family = generating_family_of(model)
        self._tokens = self._family.answer_tokens(model)
        self._excluded = torch.tensor([token for token in excluded if token != self._tokens.end])
        self._heap: list[_Prefix] = []
        self._expanded: dict[tuple[int, ...], _Continuations] = {}

    def run(self, count: int, expansions: int, prefixes_at_once: int) -> TopKAnswers:
        best: dict[Hashable, _Prefix] = {}
        self._expand([_Prefix(0.0, (), 0)])
        while self._heap and len(best) < count:
            if self._is_complete(self._heap[0]):
                self._keep(self._pop(), best)
            elif len(self._expanded) < expansions:
                self._expand(self._pop_prefixes(min(prefixes_at_once, expansions - len(self._expanded))))
            else:
                return _as_found(self._give_up(best, count), proven=False)
        return _as_found(list(best.values()), proven=True)

    def _keep(self, answer: _Prefix, best: dict[Hashable, _Prefix]) -> None:
        """Add an answer, of which none was more probable so far, to the best, unless one like it is there."""
        key = self._key(answer.ids)
        if key is not None:
            best.setdefault(key, answer)

    def _is_complete(self, entry: _Prefix) -> bool:
        return entry.ids[-1] == self._tokens.end or len(entry.ids) == self._max_tokens

    def _pop(self) -> _Prefix:
        """Pop the most probable entry and push its next sibling."""
        entry = heappop(self._heap)
        self._push(entry.ids[:-1], entry.sibling + 1)
        return entry

    def _push(self, prefix: tuple[int, ...], sibling: int) -> None:
        parent = self._expanded[prefix]
        if sibling < len(parent.order):
            ids = (*prefix, int(parent.order[sibling]))
            heappush(self._heap, _Prefix(parent.cost + float(parent.costs[sibling]), ids, sibling))

    def _pop_prefixes(self, most: int) -> list[_Prefix]:
        """Pop the most probable prefixes; complete answers stay."""
        complete: list[_Prefix] = []
        popped: list[_Prefix] = []
        while self._heap and len(popped) < most:
            if self._is_complete(self._heap[0]):
                complete.append(heappop(self._heap))
            else:
                popped.append(self._pop())
        for entry in complete:
            heappush(self._heap, entry)
        return popped

    def _expand(self, entries: list[_Prefix]) -> None:
        """Compute the continuations of some prefixes in one batch."""
        prefixes = make_texts([(self._tokens.start, *entry.ids) for entry in entries])
        texts = to_device(prefixes, self._device)
        ends = texts.rows.mask.sum(1)
        together = to_device(make_row_layout([int(ends.sum())]), self._device)
        logits = self._family.decode(self._model, texts, self._question, together)[ends.cumsum(0) - 1]
        costs, order = (-logits.float().log_softmax(-1)).sort(dim=-1, stable=True)
        for entry, own_costs, own_order in zip(entries, costs.cpu(), order.int().cpu(), strict=True):
            if len(self._excluded):
                allowed = ~torch.isin(own_order, self._excluded)
                own_costs, own_order = own_costs[allowed], own_order[allowed]
            self._expanded[entry.ids] = _Continuations(entry.cost, own_order, own_costs)
            self._push(entry.ids, 0)

    def _give_up(self, best: dict[Hashable, _Prefix], count: int) -> list[_Prefix]:
        """Return the best of the complete answers, the greedy answer, and greedy completions of open prefixes."""
        open_entries = sorted(entry for entry in self._heap if not self._is_complete(entry))[
            : count - len(best)
        ]
        complete = [entry for entry in self._heap if self._is_complete(entry)]
        for entry in [_Prefix(0.0, (), 0), *open_entries]:
            complete.append(self._complete_greedily(entry))
        heapify(complete)
        most_probable = complete[0]
        while complete and len(best) < count:
            self._keep(heappop(complete), best)
        return sorted(best.values()) or [most_probable]

    def _complete_greedily(self, entry: _Prefix) -> _Prefix:
        while not entry.ids or not self._is_complete(entry):
            if entry.ids not in self._expanded:
                self._expand([entry])
            parent = self._expanded[entry.ids]
            entry = _Prefix(entry.cost + float(parent.costs[0]), (*entry.ids, int(parent.order[0])), 0)
        return entry


def _as_found(answers: Sequence[_Prefix], proven: bool) -> TopKAnswers:
    return TopKAnswers([answer.ids for answer in answers], [-answer.cost for answer in answers], proven)
