"""The settings that commands score predictions with: those of the repository in the current folder, or defaults."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vqatune.evaluation.scoring.score import SEED, Scores, score
from vqatune.params import ComputeParams, EvalParams, load_params

STORE = Path(".work/scores")


@dataclass(frozen=True)
class ScoreSettings:
    """What `score` takes beside predictions and metrics; outside of a repository there is no store, and defaults."""

    params: EvalParams
    compute: ComputeParams | None = None
    store: Path | None = None
    seed: int = SEED

    def score(self, frame: pd.DataFrame, metrics: list[str] | None = None, published: bool = False) -> Scores:
        """Score predictions; takes and raises what `score` does."""
        return score(
            frame,
            metrics,
            params=self.params,
            compute=self.compute,
            store=self.store,
            seed=self.seed,
            published=published,
        )


def own_score_settings() -> ScoreSettings:
    """Return the settings of the repository in the current folder, or the defaults outside of one.

    Raises ParameterError where params.yaml is not valid.
    """
    # Other projects that use DVC have a params.yaml, too.
    if not Path("stages/eval.py").exists():
        return ScoreSettings(EvalParams())
    params = load_params()
    return ScoreSettings(params.eval, params.compute, STORE, params.seed)
