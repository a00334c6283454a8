"""BLIP's answers to a batch of questions: greedy, by beam search, or the best of a closed list; and how probable one is.

An image is encoded once for all its questions, a question once for all its beams or candidates, and a question
whose answer has ended takes no further part. An answer and its log-probability do not depend on the batch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vqatune.models.families.blip import Memory, Tower, decode, encode_questions, look, remember
from vqatune.models.packing import Batch, Rows, Texts, make_rows, make_texts, to

ABREAST = 16
"""Candidates of a question that are scored at a time."""


@torch.inference_mode()
def greedy_answers(
    model: nn.Module, batch: Batch, max_tokens: int, tower: Tower | None = None
) -> tuple[Tensor, Tensor]:
    """Return the greedy answer to every question and its log-probability.

    Args:
        model: as for `pair_losses`.
        batch: answers are not needed.
        max_tokens: the most tokens an answer may have, its final [SEP] included.
        tower: how the vision tower runs.

    Returns:
        Token ids after [DEC], int64 of shape (pairs, at most max_tokens), padded after [SEP]; and the sum of the
        chosen tokens' natural log-probabilities, float32 of shape (pairs,).
    """
    config = model.config.text_config
    memory = _remember(model, batch, tower)
    ids = batch.questions.ids.new_full((batch.pairs, max_tokens), config.pad_token_id)
    log_probability = ids.new_zeros(batch.pairs, dtype=torch.float32)
    open_pairs = torch.arange(batch.pairs, device=ids.device)
    token = ids.new_full((batch.pairs,), model.decoder_start_token_id)
    past = _no_past(model)
    for place in range(max_tokens):
        best, token = _next(model, token, place, memory, past).max(-1)
        ids[open_pairs, place] = token
        log_probability[open_pairs] += best
        going = (token != config.sep_token_id).nonzero()[:, 0]
        if not len(going):
            return ids[:, : place + 1], log_probability
        if len(going) < len(token):
            open_pairs, token = open_pairs[going], token[going]
            memory, past = memory.select(going), _select(past, going)
    return ids, log_probability


@torch.inference_mode()
def beam_answers(
    model: nn.Module, batch: Batch, max_tokens: int, beams: int, tower: Tower | None = None
) -> tuple[Tensor, Tensor]:
    """Return the best answer that a beam search finds to every question, and its log-probability.

    The best is the one with the greatest mean log-probability of its tokens, [SEP] included. A search ends when
    `beams` answers are complete and the best that goes on has a smaller mean than each of them, as in transformers
    (length penalty 1, no early stopping).

    Args and results as for `greedy_answers`; beams is at least 2.
    """
    config = model.config.text_config
    memory, vocabulary = _remember(model, batch, tower), config.vocab_size
    device, pairs = batch.questions.ids.device, batch.pairs
    best_ids = torch.full((pairs, max_tokens), config.pad_token_id, device=device)
    best_sums = torch.zeros(pairs, device=device)
    open_pairs = torch.arange(pairs, device=device)
    ids = best_ids[:, None].repeat(1, beams, 1)
    # One beam to begin with: the others would find the same.
    sums = torch.full((pairs, beams), -torch.inf, device=device)
    sums[:, 0] = 0.0
    done_ids, done_sums = ids.clone(), torch.full_like(sums, -torch.inf)
    done_means = done_sums.clone()
    token = torch.full((pairs * beams,), model.decoder_start_token_id, device=device)
    past = _no_past(model)
    for place in range(max_tokens):
        scores = _next(model, token, place, memory, past).view(len(ids), beams, vocabulary) + sums[..., None]
        sums, chosen = scores.flatten(1).topk(2 * beams)
        beam, token = chosen // vocabulary, chosen % vocabulary
        ids = _gather(ids, beam)
        ids[:, :, place] = token
        last = place == max_tokens - 1
        ends = (token == config.sep_token_id) | last
        # What is not among the best is only there to keep the search going.
        completed = ends.clone()
        completed[:, beams:] = False
        done_sums = torch.cat([done_sums, sums.masked_fill(~completed, -torch.inf)], 1)
        done_means = torch.cat([done_means, (sums / (place + 1)).masked_fill(~completed, -torch.inf)], 1)
        done_means, kept = done_means.topk(beams)
        done_sums, done_ids = done_sums.gather(1, kept), _gather(torch.cat([done_ids, ids], 1), kept)

        sums, kept = sums.masked_fill(ends, -torch.inf).topk(beams)
        going = (sums[:, 0] / (place + 1) > done_means[:, -1]) & (not last)
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
            memory = memory.select(going)
    return best_ids[:, : place + 1], best_sums


@torch.inference_mode()
def ranked_answers(
    model: nn.Module,
    batch: Batch,
    candidates: Sequence[Sequence[int]],
    abreast: int = ABREAST,
    tower: Tower | None = None,
) -> tuple[Tensor, Tensor]:
    """Return the most probable of a closed list of answers for every question.

    The candidates of a question are scored in the order of their first token's probability, `abreast` at a time,
    until none that is left can win: an answer is never more probable than its first token.

    Args:
        model: as for `pair_losses`.
        batch: answers are not needed.
        candidates: token ids from [DEC] to [SEP], no two alike; of equally probable ones the first wins.
        abreast: changes nothing but the speed.
        tower: how the vision tower runs.

    Returns:
        Which candidate, int64 of shape (pairs,); and its natural log-probability, float32 of shape (pairs,).
    """
    memory = _remember(model, batch, tower)
    device, pairs = batch.questions.ids.device, batch.pairs
    start = torch.full((pairs,), model.decoder_start_token_id, device=device)
    firsts = torch.tensor([candidate[1] for candidate in candidates], device=device)
    bounds = _next(model, start, 0, memory, _no_past(model))[:, firsts]
    bounds, order = bounds.sort(dim=1, descending=True, stable=True)
    best = torch.zeros(pairs, dtype=torch.int64, device=device)
    best_sum = torch.full((pairs,), -torch.inf, device=device)
    open_pairs = torch.arange(pairs, device=device)
    for place in range(0, len(candidates), abreast):
        tried = order[open_pairs, place : place + abreast]
        sums = _candidate_sums(model, [[candidates[c] for c in row] for row in tried.tolist()], memory)
        top, which = sums.max(1)
        found = tried.gather(1, which[:, None])[:, 0]
        old, old_sum = best[open_pairs], best_sum[open_pairs]
        better = (top > old_sum) | ((top == old_sum) & (found < old))
        best[open_pairs] = torch.where(better, found, old)
        best_sum[open_pairs] = torch.where(better, top, old_sum)
        if place + abreast >= len(candidates):
            break
        going = (bounds[open_pairs, place + abreast] >= best_sum[open_pairs]).nonzero()[:, 0]
        if not len(going):
            break
        if len(going) < len(open_pairs):
            open_pairs, memory = open_pairs[going], memory.select(going)
    return best, best_sum


@torch.inference_mode()
def answer_log_probabilities(model: nn.Module, batch: Batch, tower: Tower | None = None) -> Tensor:
    """Return the log-probability of every pair's given answer, in one pass.

    Args:
        model: as for `pair_losses`.
        batch: with answers.
        tower: how the vision tower runs.

    Returns:
        The sum of the natural log-probabilities of the answer's tokens after [DEC], float32 of shape (pairs,).
    """
    memory = _remember(model, batch, tower)
    return _text_sums(model, batch.inputs, batch.labels, memory, batch.inputs.rows)


def _candidate_sums(model: nn.Module, candidates: list[list[Sequence[int]]], memory: Memory) -> Tensor:
    """Return the log-probability of each pair's candidates: (pairs, candidates)."""
    device = memory.layers[0][0].device
    flat = [candidate for row in candidates for candidate in row]
    texts = to(make_texts([candidate[:-1] for candidate in flat]), device)
    by_pair = to(make_rows([sum(len(candidate) - 1 for candidate in row) for row in candidates]), device)
    labels = torch.tensor([token for candidate in flat for token in candidate[1:]], device=device)
    return _text_sums(model, texts, labels, memory, by_pair).view(len(candidates), -1)


def _text_sums(model: nn.Module, texts: Texts, labels: Tensor, memory: Memory, by_pair: Rows) -> Tensor:
    """Return the log-probability of each text, whose tokens the labels follow: (texts,), float32."""
    logits = decode(model, texts, memory, by_pair).float()
    sums = logits.gather(1, labels[:, None])[:, 0] - logits.logsumexp(1)
    return texts.rows.total(sums)


def _remember(model: nn.Module, batch: Batch, tower: Tower | None) -> Memory:
    states = encode_questions(model, look(model, batch, tower), batch)
    return remember(model, states, batch.questions.rows)


def _no_past(model: nn.Module) -> list[tuple[Tensor, Tensor] | None]:
    return [None] * len(model.text_decoder.bert.encoder.layer)


def _next(model: nn.Module, token: Tensor, place: int, memory: Memory, past: list) -> Tensor:
    """Return the log-probabilities of what follows each text's last token, (texts, vocabulary), float32."""
    texts, pairs = len(token), len(memory.layers[0][0])
    everywhere = torch.arange(texts, device=token.device)
    one_each = Rows(everywhere, everywhere, torch.ones(texts, 1, dtype=torch.bool, device=token.device))
    by_pair = Rows(everywhere, everywhere, one_each.seen.view(pairs, -1))
    logits = decode(model, Texts(token, torch.full_like(token, place), one_each), memory, by_pair, past)
    return logits.float().log_softmax(-1)


def _select(past: list[tuple[Tensor, Tensor]], texts: Tensor) -> list[tuple[Tensor, Tensor]]:
    return [(key.index_select(0, texts), value.index_select(0, texts)) for key, value in past]


def _gather(ids: Tensor, places: Tensor) -> Tensor:
    return ids.gather(1, places[..., None].expand(-1, -1, ids.shape[-1]))
