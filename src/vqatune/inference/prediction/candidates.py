"""The answers that a version chooses from, with predict.mode rank."""

import logging
from collections import Counter
from pathlib import Path

from vqatune.errors import DataError
from vqatune.inference.prediction.ranking import Candidates
from vqatune.models.encoder import Encoder
from vqatune.params import PredictParams
from vqatune.tables import PAIRS, read_table

_logger = logging.getLogger(__name__)


def read_candidates(params: PredictParams, training: Path) -> list[str] | None:
    """Return the candidates of predict.mode rank, the most frequent first; None with another mode.

    Args:
        params: uses mode and candidates, a file with an answer per line.
        training: the table of training pairs, whose answers are the candidates where there is no file.

    Raises:
        DataError: the file is missing or holds no answer.
    """
    if params.mode != "rank":
        return None
    if params.candidates is None:
        counts = Counter(read_table(training, PAIRS, ["answer"])["answer"])
        return sorted(counts, key=lambda answer: (-counts[answer], answer))
    try:
        lines = Path(params.candidates).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"predict.candidates: {params.candidates} cannot be read: {error}") from error
    answers = list(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if not answers:
        raise DataError(f"predict.candidates: {params.candidates} holds no answer; write one a line")
    return answers


def candidate_ids(encoder: Encoder, candidates: list[str]) -> Candidates:
    """Return the candidates by their ids; raises DataError where the model can give none of them."""
    unlabelled = encoder.without_label(candidates)
    if unlabelled:
        _logger.warning(
            "%s of %s candidates are no label of the model and cannot be its answer, such as %r",
            f"{len(unlabelled):,}",
            f"{len(candidates):,}",
            unlabelled[0],
        )
        candidates = [text for text in candidates if text not in set(unlabelled)]
    if not candidates:
        raise DataError("no candidate is a label of the model: take other predict.candidates")
    ids_of: dict[tuple[int, ...], str] = {}
    for ids, text in zip(encoder.answers(candidates), candidates, strict=True):
        # Of candidates with the same ids the first, the most frequent, is taken.
        ids_of.setdefault(tuple(ids), text)
    return ids_of
