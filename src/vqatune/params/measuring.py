"""The parameters of split, batch, predict and eval: what is learned from, what is asked, and how it is scored."""

from typing import Literal

from vqatune.params.section import Amount, Count, Fraction, Section, WatchedPath


class SplitParams(Section):
    """What goes to the test set."""

    by: Literal["listing", "image"]
    test_fraction: Fraction
    minimum_images: Amount


class BatchParams(Section):
    """The master batches, one per version."""

    strategy: Literal["stratified", "rotation"]


class VersionParams(Section):
    """A version of the chain."""

    previous: str
    """What it is tuned from: the version before it, or base."""
    batch: str
    """The number of its master batch, as in data/batches/."""


class PredictParams(Section):
    """Answering the test set."""

    mode: Literal["generate", "rank"]
    max_answer_tokens: Count
    beams: Count
    candidates: WatchedPath
    grounding_questions: Amount
    keep_vision_states: bool
    images_per_step: Count
    max_pairs_per_step: Count
    checkpoint_every: Count
    launcher: str | None


class ScoringModelParams(Section):
    """A model that a metric is computed with: `embedded`, a folder, a name on the hub, or none."""

    model: str | None = None
    revision: str | None = None


class BertscoreParams(ScoringModelParams):
    """BERTScore's model, and the layer whose states are compared."""

    model: str | None = "embedded"
    layer: Count = 5


class SbertParams(ScoringModelParams):
    """The model of sentence embeddings."""

    model: str | None = "embedded"


class EvalParams(Section):
    """Scoring; the defaults are for what is scored beside the stage graph."""

    bertscore: BertscoreParams = BertscoreParams()
    sbert: SbertParams = SbertParams()
    bartscore: ScoringModelParams = ScoringModelParams()
    wups_weight: Fraction = 0.7
    resamples: Count = 1000
