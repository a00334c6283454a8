"""The parameters of predict: answering the test set."""

from typing import Literal

from pydantic import Field

from vqatune.params.section import Amount, Count, Section, WatchedPath


class PredictParams(Section):
    """Answering the test set."""

    mode: Literal["generate", "rank"] = Field(
        "generate",
        description="generate: token by token; rank: the most probable answer of a closed list of candidates.",
    )
    max_answer_tokens: Count = Field(
        10, description="With mode generate: maximum length of an answer, its end token included."
    )
    beams: Count = Field(1, description="With mode generate: beam search width; 1: greedy decoding.")
    candidates: WatchedPath = Field(
        "data/unset/predict.candidates",
        description="With mode rank: a text file with an answer a line, which DVC watches. "
        "data/unset/predict.candidates: not set, the answers of the training set (DVC fails on null).",
    )
    grounding_questions: Amount = Field(
        2000,
        description="Number of test questions for the score grounding: whether the answer is less probable when the "
        "image is exchanged for each of four others. 0: none.",
    )
    keep_vision_states: bool = Field(
        False,
        description="If the adapter does not tune the vision tower: keep the image states of the test images in .work/, so "
        "that each image is encoded once for all versions. At 384 pixels they take 0.9 MB an image in "
        "bf16, 1.8 MB in float32, and as much again for each image that grounding exchanges.",
    )
    images_per_step: Count = Field(32, description="Maximum number of images in a micro-batch.")
    max_pairs_per_step: Count = Field(1280, description="Maximum number of questions in a micro-batch.")
    checkpoint_every: Count = Field(
        50,
        description="Micro-batches between partial results in .work/; they are also written when the stage is "
        "stopped.",
    )
    launcher: str | None = Field(None, description="As train.launcher.")
