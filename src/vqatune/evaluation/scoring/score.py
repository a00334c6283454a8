"""Scores of any predictions against their references: of every pair, and totals with intervals.

>>> score(pandas.DataFrame({"prediction": ["red"], "references": ["dark red"]})).totals
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vqatune.errors import ParameterError
from vqatune.evaluation.metrics import METRICS, PUBLISHED, aggregate, total_terms
from vqatune.evaluation.metrics.table import MARKS
from vqatune.evaluation.metrics.text import tokens
from vqatune.evaluation.scoring.bootstrap import image_sums, interval, resampled_means
from vqatune.evaluation.scoring.distinct_pairs import distinct_pairs
from vqatune.evaluation.scoring.scorers import Absent, Scorer, make_scorer
from vqatune.evaluation.scoring.store import Pair, ScoreStore
from vqatune.params import ComputeParams, EvalParams
from vqatune.runtime.progress import bar

SEED = 13
"""Of the resamples, by default."""
_CHARACTERS_AT_ONCE = 500_000
"""Characters of the pairs that are scored and stored at a time: their tokens' states are some hundred megabytes."""


@dataclass(frozen=True, eq=False)
class Scores:
    """The scores of predictions.

    pairs: the frame that was scored, its index kept, with a float64 column a metric, NaN where undefined.
    totals: a row a metric: metric, value, low, high (the ends of the 95 % interval), pairs (that count). In the order
    of METRICS.
    absent: metric → why it could not be computed, or has no value.
    counts: pairs, images (pairs, where they have none), empty_predictions, empty_references (pairs with one).
    all_stored: whether the store held every pair's scores already.
    """

    pairs: pd.DataFrame
    totals: pd.DataFrame
    absent: dict[str, str]
    counts: dict[str, int]
    all_stored: bool = False


def score(
    frame: pd.DataFrame,
    metrics: Iterable[str] | None = None,
    *,
    params: EvalParams | None = None,
    compute: ComputeParams | None = None,
    store: Path | None = None,
    seed: int = SEED,
    published: bool = False,
) -> Scores:
    """Score predictions against their references.

    Args:
        frame: a row a pair: `prediction` (text) and `references` (a text or a list of texts); optionally `image_id`
            (intervals are by image; without it every pair is one of its own), `difficulty` (for average_mark),
            `grounding` (for grounding and vccs), `blind_exact_match` (whether the blind guess is right, for skill); other
            columns are kept.
        metrics: names in METRICS; all that can be computed by default.
        params: models, weights, resamples; the defaults of `EvalParams` where not given.
        compute: what models that are not embedded run on; None for a GPU where there is one.
        store: a folder where scores are kept, so that no pair is scored twice; nowhere by default.
        seed: of the resamples.
        published: compute the metrics in PUBLISHED as published tables have them.

    Raises:
        DataError: a column is missing or holds something else than it should, or there are no pairs.
        ParameterError: a metric is unknown, or was asked for by name and cannot be computed.
        ModelError: a model cannot be had.
    """
    params = params or EvalParams()
    chosen = _chosen(metrics)
    pairs, rows, distinct = distinct_pairs(frame)
    values, absent, new = _score_distinct(distinct, _groups(chosen), params, compute, store)
    if published:
        values |= {name: np.array([pair(*two) for two in distinct]) for name, pair in PUBLISHED.items()}
    scored = pairs.assign(**{name: column[rows] for name, column in values.items()})
    for name in chosen:
        derive = METRICS[name].derive
        if derive is None:
            continue
        if reason := _hindered(name, scored, absent):
            absent[name] = reason
        else:
            scored[name] = derive(scored, params).astype(np.float64)
    for name in chosen:
        if name not in absent and not total_terms(METRICS[name], scored)[1].any():
            absent[name] = _undefined(name, scored)
    absent = {name: absent[name] for name in chosen if name in absent}
    if metrics is not None and absent:
        raise ParameterError("; ".join(f"{name} cannot be computed: {why}" for name, why in absent.items()))
    present = [name for name in chosen if name not in absent]
    given = [name for name in pairs.columns if name not in chosen]
    totals = _totals(scored.iloc[_own_order(scored, rows)], present, params.resamples, seed)
    complete = pd.concat([pairs[given], scored[present]], axis=1).set_axis(frame.index)
    return Scores(complete, totals, absent, _counts(pairs, rows, distinct), all_stored=not new)


def score_into_store(
    frame: pd.DataFrame, params: EvalParams, compute: ComputeParams | None, store: Path
) -> None:
    """Score pairs by all metrics that can be computed, only to keep their scores in a store.

    Takes and raises what `score` does; `frame` needs no columns but prediction and references.
    """
    _, _, distinct = distinct_pairs(frame)
    _score_distinct(distinct, _groups(list(METRICS)), params, compute, store)


def _counts(pairs: pd.DataFrame, rows: np.ndarray, distinct: list[Pair]) -> dict[str, int]:
    empty = [
        (not tokens(prediction), not all(map(tokens, references))) for prediction, references in distinct
    ]
    predictions, references = np.array(empty)[rows].sum(0).tolist()
    return {
        "pairs": len(pairs),
        "images": pairs["image_id"].nunique() if "image_id" in pairs.columns else len(pairs),
        "empty_predictions": predictions,
        "empty_references": references,
    }


def mean_sums(pairs: pd.DataFrame, metrics: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return each image's sums of what its pairs add to the metrics' totals, (images, metrics), images by their id."""
    terms = [total_terms(METRICS[name], pairs) for name in metrics]
    numerators, denominators = (np.stack(columns, 1) for columns in zip(*terms, strict=True))
    return image_sums(_images(pairs), numerators, denominators)


def _own_order(pairs: pd.DataFrame, rows: np.ndarray) -> np.ndarray:
    """Return an order of the rows that depends on their content alone, so that sums do, too."""
    numbers = [name for name in ("grounding", "difficulty") if name in pairs.columns]
    return np.lexsort([*(pairs[name].to_numpy(np.float64, na_value=np.nan) for name in numbers), rows])


def _images(pairs: pd.DataFrame) -> np.ndarray:
    if "image_id" not in pairs.columns:
        return np.arange(len(pairs))
    return pd.factorize(pairs["image_id"], sort=True)[0]


def _totals(pairs: pd.DataFrame, metrics: list[str], resamples: int, seed: int) -> pd.DataFrame:
    columns = ["metric", "value", "low", "high", "pairs"]
    if not metrics:
        return pd.DataFrame(columns=columns)
    low, high = interval(resampled_means(*mean_sums(pairs, metrics), resamples, seed))
    rows = []
    for place, name in enumerate(metrics):
        numerators, denominators = total_terms(METRICS[name], pairs)
        # Every pair where a ratio is defined counts in it, in its numerator at least.
        counted = (denominators > 0).sum() if METRICS[name].over is None else pairs[name].notna().sum()
        rows.append((name, aggregate(numerators, denominators), low[place], high[place], int(counted)))
    totals = pd.DataFrame(rows, columns=columns)
    return totals.astype({"value": np.float64})


def _hindered(name: str, pairs: pd.DataFrame, absent: dict[str, str]) -> str | None:
    """Return why a derived metric cannot be computed; None where it can."""
    for needed in METRICS[name].needs:
        if needed in absent:
            return absent[needed]
        if needed in METRICS and needed != name and METRICS[needed].derive is None:
            continue
        if needed not in pairs.columns or pairs[needed].isna().all():
            return _MISSING[needed]
    if "difficulty" in METRICS[name].needs:
        unknown = set(pairs["difficulty"].dropna()) - set(MARKS)
        if unknown:
            return (
                f"only the difficulties {', '.join(map(str, MARKS))} have a mark, but there is {min(unknown)}"
            )
    return None


_MISSING = {
    "difficulty": "no pair has a difficulty",
    "grounding": "no prediction has a grounding: `predict` measures it, with predict.grounding_questions above 0; a blind "
    "guess has none",
    "blind_exact_match": "there are no training pairs here to make the blind guess from",
}


def _undefined(name: str, pairs: pd.DataFrame) -> str:
    """Return why a metric of scored pairs has no total."""
    if pairs[name].isna().all():
        yes_no = METRICS[name].family == "yes_no"
        return "no reference is yes or no" if yes_no else "it is defined for none of the pairs"
    return "the blind guess is always right" if name == "skill" else "no prediction or reference counts in it"


def _chosen(names: Iterable[str] | None) -> list[str]:
    if names is None:
        return list(METRICS)
    for name in (names := [names] if isinstance(names, str) else list(names)):
        if name not in METRICS:
            raise ParameterError(f"{name!r} is not a metric: choose from {', '.join(METRICS)}")
    return [name for name in METRICS if name in names]


def _groups(chosen: list[str]) -> list[str]:
    """Return the groups of the chosen metrics, and of those that they are derived from."""
    needed = [*chosen, *(need for name in chosen for need in METRICS[name].needs)]
    groups = [METRICS[name].group for name in needed if name in METRICS]
    return list(dict.fromkeys(group for group in groups if group))


def _score_distinct(
    pairs: list[Pair],
    groups: list[str],
    params: EvalParams,
    compute: ComputeParams | None,
    store: Path | None,
) -> tuple[dict[str, np.ndarray], dict[str, str], bool]:
    """Return metric → scores of the pairs; metric → why it is absent; and whether a pair was not in the store."""
    values: dict[str, np.ndarray] = {}
    absent: dict[str, str] = {}
    any_new = False
    for group in groups:
        scorer = make_scorer(group, params, compute, store)
        if isinstance(scorer, Absent):
            absent |= dict.fromkeys(scorer.metrics, scorer.reason)
        else:
            scores, new = _group_scores(scorer, pairs, store)
            values |= dict(zip(scorer.metrics, scores.T, strict=True))
            any_new |= new > 0
    return values, absent, any_new


def _group_scores(scorer: Scorer, pairs: list[Pair], folder: Path | None) -> tuple[np.ndarray, int]:
    """Return the scores, (pairs, metrics), and how many of the pairs were not in the store."""
    store = None if folder is None else ScoreStore(folder, scorer.name, scorer.key, len(scorer.metrics))
    if store is None:
        scores, known = np.empty((len(pairs), len(scorer.metrics))), np.zeros(len(pairs), dtype=bool)
    else:
        scores, known = store.read(pairs)
    todo = np.flatnonzero(~known)
    with bar() as progress:
        task = progress.add_task(f"scoring by {scorer.name}", total=len(todo))
        for places in _chunks(todo, pairs, scorer.chunk):
            some = [pairs[place] for place in places]
            scores[places] = scorer.score(some)
            if store is not None:
                store.write(some, scores[places])
            progress.advance(task, len(places))
    return scores, len(todo)


def _chunks(todo: np.ndarray, pairs: list[Pair], most: int) -> Iterator[np.ndarray]:
    """Cut pairs so that a chunk has at most `most`, and fewer where they are long."""
    lengths = [
        len(prediction) + sum(map(len, references))
        for prediction, references in (pairs[place] for place in todo)
    ]
    start = characters = 0
    for end, length in enumerate(lengths):
        if end > start and (end - start == most or characters + length > _CHARACTERS_AT_ONCE):
            yield todo[start:end]
            start, characters = end, 0
        characters += length
    if len(todo):
        yield todo[start:]
