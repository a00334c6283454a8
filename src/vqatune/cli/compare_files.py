"""Files of predictions side by side, for `vqatune compare`."""

import argparse
from dataclasses import replace
from pathlib import Path

import pandas as pd

from vqatune.cli.prediction_arguments import cell_texts, column_of, read_file, with_grounding
from vqatune.cli.print_comparison import print_comparison, print_versions
from vqatune.cli.score_settings import ScoreSettings, own_score_settings
from vqatune.errors import VqatuneError
from vqatune.evaluation.comparison.compare import CHANGE, compare_pairs
from vqatune.evaluation.comparison.prediction_files import shared_pairs
from vqatune.evaluation.prediction_files.reading import PredictionsFile
from vqatune.evaluation.scoring.score import Scores
from vqatune.evaluation.scoring.slices import SLICES
from vqatune.evaluation.scoring.version import interval_table
from vqatune.text_files.formats import SUFFIXES


def is_predictions_file(name: str) -> bool:
    """Tell whether an argument names a file of predictions, by its suffix, and not a version."""
    return name.lower().removesuffix(".gz").endswith(SUFFIXES)


def compare_files(names: list[str], chosen: argparse.Namespace) -> None:
    """Print what differs between two files of predictions, or the scores of several, on the pairs that all have.

    Raises DataError where a file cannot be read or no pair is in all of them; ParameterError and ModelError as
    `score`.
    """
    # Where references are in another file, --on joins the two, and then the files of predictions.
    read = {name: read_file(Path(name), chosen, chosen.on if chosen.references else None) for name in names}
    titles = _titles(names)
    files = {titles[name]: _scorable(file) for name, file in read.items()}
    notes = [f"{title}: {line}" for title, file in files.items() for line in (file.summary, *file.notes)]
    shared = shared_pairs(files, chosen.on and chosen.on.partition("=")[0])
    notes += shared.notes
    frame = next(iter(shared.frames.values()))
    slices = [name for name in SLICES if name in frame.columns]
    if chosen.by is not None:
        slices = [column_of(chosen.by, frame, next(iter(files)))]
    settings = own_score_settings()
    metrics = chosen.metric if chosen.metric is None or len(names) > 2 else [CHANGE, *chosen.metric]
    scored = {name: _score(name, frame, metrics, settings) for name, frame in shared.frames.items()}
    if len(names) > 2:
        print_versions(
            {name: interval_table(scores) for name, scores in scored.items()}, chosen, notes, "files"
        )
        return
    (first, ours), (second, theirs) = scored.items()
    if chosen.by is not None:
        ours = replace(ours, pairs=ours.pairs.assign(**{slices[0]: cell_texts(ours.pairs[slices[0]])}))
    found = compare_pairs(ours, theirs, settings.params.resamples, settings.seed, slices, shared.identity)
    print_comparison(found, first, second, chosen, notes)


def _titles(names: list[str]) -> dict[str, str]:
    """Return what each file is called in the output: its name or, where two have the same, its path."""
    short = [Path(name).name for name in names]
    return dict(zip(names, short if len(set(short)) == len(short) else names, strict=True))


def _scorable(file: PredictionsFile) -> PredictionsFile:
    frame, notes = with_grounding(file)
    return replace(file, frame=frame, notes=notes)


def _score(name: str, frame: pd.DataFrame, metrics: list[str] | None, settings: ScoreSettings) -> Scores:
    try:
        return settings.score(frame, metrics)
    except VqatuneError as error:
        error.add_context(name)
        raise
