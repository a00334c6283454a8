"""Decoding: greedy search, beam search, ranking of candidates, and the log-probability of given answers.

An image is encoded once for all its questions, and a question once for all its beams or candidates. Questions whose
answer is complete leave the batch. An answer and its log-probability do not depend on the rest of the batch.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from vqatune.inference.prediction.ranking import best_candidates
from vqatune.models.family import EncodedQuestions, Past, VisionOptions
from vqatune.models.family_lookup import generating_family_of, image_states_of, ranking_family_of
from vqatune.models.packing import PackedBatch, RowLayout, Texts, make_row_layout, make_texts, to_device
from vqatune.models.text_vectors import TextVectors

CANDIDATES_AT_ONCE = 16
"""Candidates of a question that are scored in one batch."""


@torch.inference_mode()
def greedy_answers(
    model: nn.Module, batch: PackedBatch, max_tokens: int, vision_options: VisionOptions | None = None
) -> tuple[Tensor, Tensor]:
    """Return the greedy answer to each question and its log-probability.

    Args:
        model: as for `pair_losses`.
        batch: images and questions; answers are not used.
        max_tokens: the maximum length of an answer, its end token included.
        vision_options: how the vision tower runs; None for the defaults.

    Returns:
        Token ids after the start token, int64 of shape (pairs, at most max_tokens), padded after the end token; and the sum of the
        chosen tokens' natural log-probabilities, float32 of shape (pairs,).
    """
    tokens = generating_family_of(model).answer_tokens(model)
    questions = _encode(model, batch, vision_options)
    ids = batch.questions.ids.new_full((batch.pairs, max_tokens), tokens.padding)
    log_probability = ids.new_zeros(batch.pairs, dtype=torch.float32)
    open_pairs = torch.arange(batch.pairs, device=ids.device)
    token = ids.new_full((batch.pairs,), tokens.start)
    past = _no_past(model)
    for step in range(max_tokens):
        best, token = _next(model, token, step, questions, past).max(-1)
        ids[open_pairs, step] = token
        log_probability[open_pairs] += best
        going = (token != tokens.end).nonzero()[:, 0]
        if not len(going):
            return ids[:, : step + 1], log_probability
        if len(going) < len(token):
            open_pairs, token = open_pairs[going], token[going]
            questions, past = questions.select(going), _select(past, going)
    return ids, log_probability


@torch.inference_mode()
def beam_answers(
    model: nn.Module,
    batch: PackedBatch,
    max_tokens: int,
    beams: int,
    vision_options: VisionOptions | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the best answer of a beam search to each question, and its log-probability.

    Answers are compared by the mean log-probability of their tokens, the end token included. A search ends when `beams`
    answers are complete and the best open beam has a smaller mean than each of them, as in transformers (length
    penalty 1, no early stopping).

    Args and results as for `greedy_answers`; beams is at least 2.
    """
    tokens = generating_family_of(model).answer_tokens(model)
    questions = _encode(model, batch, vision_options)
    device, pairs = batch.questions.ids.device, batch.pairs
    best_ids = torch.full((pairs, max_tokens), tokens.padding, device=device)
    best_sums = torch.zeros(pairs, device=device)
    open_pairs = torch.arange(pairs, device=device)
    ids = best_ids[:, None].repeat(1, beams, 1)
    # All beams start equal, so only the first one counts.
    sums = torch.full((pairs, beams), -torch.inf, device=device)
    sums[:, 0] = 0.0
    done_ids, done_sums = ids.clone(), torch.full_like(sums, -torch.inf)
    done_means = done_sums.clone()
    token = torch.full((pairs * beams,), tokens.start, device=device)
    past = _no_past(model)
    for step in range(max_tokens):
        following = _next(model, token, step, questions, past).view(len(ids), beams, tokens.count)
        sums, chosen = (following + sums[..., None]).flatten(1).topk(2 * beams)
        beam, token = chosen // tokens.count, chosen % tokens.count
        ids = _gather(ids, beam)
        ids[:, :, step] = token
        last = step == max_tokens - 1
        ends = (token == tokens.end) | last
        # The second half of the 2 · beams only replaces beams that end.
        completed = ends.clone()
        completed[:, beams:] = False
        done_sums = torch.cat([done_sums, sums.masked_fill(~completed, -torch.inf)], 1)
        done_means = torch.cat([done_means, (sums / (step + 1)).masked_fill(~completed, -torch.inf)], 1)
        done_means, kept = done_means.topk(beams)
        done_sums, done_ids = done_sums.gather(1, kept), _gather(torch.cat([done_ids, ids], 1), kept)

        sums, kept = sums.masked_fill(ends, -torch.inf).topk(beams)
        going = (sums[:, 0] / (step + 1) > done_means[:, -1]) & (not last)
        finished = ~going
        best_ids[open_pairs[finished]] = done_ids[finished, 0]
        best_sums[open_pairs[finished]] = done_sums[finished, 0]
        going = going.nonzero()[:, 0]
        if not len(going):
            break
        origin = (going[:, None] * beams + beam.gather(1, kept)[going]).flatten()
        past = _select(past, origin)
        ids, token = _gather(ids, kept)[going], token.gather(1, kept)[going].flatten()
        sums, done_sums, done_means = sums[going], done_sums[going], done_means[going]
        done_ids, open_pairs = done_ids[going], open_pairs[going]
        if len(going) < len(finished):
            questions = questions.select(going)
    return best_ids[:, : step + 1], best_sums


@torch.inference_mode()
def ranked_answers(
    model: nn.Module,
    batch: PackedBatch,
    candidates: Sequence[Sequence[int]],
    candidates_at_once: int = CANDIDATES_AT_ONCE,
    vision_options: VisionOptions | None = None,
    kept: TextVectors | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the most probable of the candidates for each question.

    A question's candidates are scored in descending order of their first token's probability, `candidates_at_once` at
    a time, until no candidate left can win: an answer is at most as probable as its first token. A model of a family that
    only ranks scores all of them, and a log-probability is over the candidates.

    Args:
        model: as for `pair_losses`.
        batch: images and questions; answers are not used.
        candidates: token ids as the family's `answers` returns them, without duplicates; the first wins a tie.
        candidates_at_once: affects the speed only.
        vision_options: how the vision tower runs; None for the defaults.
        kept: vectors of texts, of a family that only ranks, as RankingFamily.rank takes them; None to keep none.

    Returns:
        The index of the candidate, int64 of shape (pairs,); and its natural log-probability, float32 of shape (pairs,).
    """
    if ranking := ranking_family_of(model):
        return best_candidates(ranking, model, batch, candidates, vision_options, kept)
    questions = _encode(model, batch, vision_options)
    device, pairs = batch.questions.ids.device, batch.pairs
    first_token = torch.full((pairs,), generating_family_of(model).answer_tokens(model).start, device=device)
    firsts = torch.tensor([candidate[1] for candidate in candidates], device=device)
    bounds = _next(model, first_token, 0, questions, _no_past(model))[:, firsts]
    bounds, order = bounds.sort(dim=1, descending=True, stable=True)
    best = torch.zeros(pairs, dtype=torch.int64, device=device)
    best_sum = torch.full((pairs,), -torch.inf, device=device)
    open_pairs = torch.arange(pairs, device=device)
    for start in range(0, len(candidates), candidates_at_once):
        tried = order[open_pairs, start : start + candidates_at_once]
        sums = _candidate_sums(
            model, [[candidates[c] for c in row] for row in tried.tolist()], questions, device
        )
        top, which = sums.max(1)
        found = tried.gather(1, which[:, None])[:, 0]
        old, old_sum = best[open_pairs], best_sum[open_pairs]
        better = (top > old_sum) | ((top == old_sum) & (found < old))
        best[open_pairs] = torch.where(better, found, old)
        best_sum[open_pairs] = torch.where(better, top, old_sum)
        if start + candidates_at_once >= len(candidates):
            break
        going = (bounds[open_pairs, start + candidates_at_once] >= best_sum[open_pairs]).nonzero()[:, 0]
        if not len(going):
            break
        if len(going) < len(open_pairs):
            open_pairs, questions = open_pairs[going], questions.select(going)
    return best, best_sum


@torch.inference_mode()
def answer_log_probabilities(
    model: nn.Module, batch: PackedBatch, vision_options: VisionOptions | None = None
) -> Tensor:
    """Return the log-probability of each pair's given answer, in one forward pass.

    Args:
        model: as for `pair_losses`.
        batch: with answers.
        vision_options: how the vision tower runs; None for the defaults.

    Returns:
        The sum of the natural log-probabilities of the answer's tokens after the start token, float32 of shape (pairs,).
    """
    if batch.inputs is None or batch.labels is None:
        raise ValueError("the batch has no answers to score")
    questions = _encode(model, batch, vision_options)
    return _text_sums(model, batch.inputs, batch.labels, questions, batch.inputs.rows)


def _candidate_sums(
    model: nn.Module, candidates: list[list[Sequence[int]]], questions: EncodedQuestions, device: torch.device
) -> Tensor:
    """Return the log-probability of each pair's candidates: (pairs, candidates)."""
    flat = [candidate for row in candidates for candidate in row]
    texts = to_device(make_texts([candidate[:-1] for candidate in flat]), device)
    by_pair = to_device(
        make_row_layout([sum(len(candidate) - 1 for candidate in row) for row in candidates]), device
    )
    labels = torch.tensor([token for candidate in flat for token in candidate[1:]], device=device)
    return _text_sums(model, texts, labels, questions, by_pair).view(len(candidates), -1)


def _text_sums(
    model: nn.Module, texts: Texts, labels: Tensor, questions: EncodedQuestions, by_pair: RowLayout
) -> Tensor:
    """Return each text's log-probability, given the token that follows each of its tokens: (texts,), float32."""
    logits = generating_family_of(model).decode(model, texts, questions, by_pair).float()
    sums = logits.gather(1, labels[:, None])[:, 0] - logits.logsumexp(1)
    return texts.rows.total(sums)


def _encode(model: nn.Module, batch: PackedBatch, vision_options: VisionOptions | None) -> EncodedQuestions:
    """Return a batch's questions as the decoder attends to them."""
    states = image_states_of(model, batch, vision_options)
    return generating_family_of(model).encode_questions(model, replace(batch, image_states=states))


def _no_past(model: nn.Module) -> Past:
    return [None] * generating_family_of(model).answer_tokens(model).layers


def _next(model: nn.Module, token: Tensor, step: int, questions: EncodedQuestions, past: Past) -> Tensor:
    """Return the log-probabilities of each text's next token, (texts, vocabulary), float32."""
    texts, pairs = len(token), questions.pairs
    index = torch.arange(texts, device=token.device)
    one_each = RowLayout(
        index, index, torch.ones(texts, 1, dtype=torch.bool, device=token.device), in_order=True
    )
    by_pair = RowLayout(index, index, one_each.mask.view(pairs, -1), in_order=True)
    following = Texts(token, torch.full_like(token, step), one_each)
    logits = generating_family_of(model).decode(model, following, questions, by_pair, past)
    return logits.float().log_softmax(-1)


def _select(past: Past, texts: Tensor) -> Past:
    return [
        None if layer is None else (layer[0].index_select(0, texts), layer[1].index_select(0, texts))
        for layer in past
    ]


def _gather(ids: Tensor, index: Tensor) -> Tensor:
    return ids.gather(1, index[..., None].expand(-1, -1, ids.shape[-1]))
