"""The parameters of train: the training of one version."""

from typing import Literal

from pydantic import Field

from vqatune.params.section import Amount, Count, NonNegative, Positive, Section


class TrainParams(Section):
    """The training of one version."""

    seed: int = Field(
        13,
        description="Seed of what training draws: the adapter's first values, the order of images, dropout. Runs "
        "with several seeds show how much of a difference is chance.",
    )
    epochs: Count = Field(2, description="Epochs over a version's master batch.")
    learning_rate: Positive = Field(1.0e-3, description="Learning rate of AdamW.")
    carry_optimizer: bool = Field(
        True, description="Start a version with AdamW's state of the version before; false: with a fresh one."
    )
    weight_decay: NonNegative = Field(0.01, description="Weight decay of AdamW.")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "constant",
        description="Learning rate schedule: constant, or decay to zero within each version (linear, cosine).",
    )
    warmup_steps: Amount = Field(
        0, description="Optimizer steps of linear warm-up of the learning rate, in each version."
    )
    max_gradient_norm: Positive | None = Field(
        None, description="Clip the gradient norm to this; null: no clipping."
    )
    questions_per_image: Literal["all", "one"] = Field(
        "all",
        description="all: every question of an image in each epoch; one: one of them, drawn anew each epoch.",
    )
    images_per_step: Count = Field(
        3,
        description="Maximum number of images in a micro-batch. An optimizer step takes images_per_step × "
        "accumulation_steps images with all their questions; its loss is the mean over their pairs.",
    )
    max_pairs_per_step: Count = Field(
        320,
        description="Maximum number of question-answer pairs in a micro-batch (an image that alone has more is a "
        "micro-batch of its own). Smaller micro-batches need less memory. How the pairs are divided into "
        "micro-batches, and among GPUs, changes only the last digits of the result, and the dropout masks.",
    )
    accumulation_steps: Count = Field(
        1, description="Gradient accumulation: micro-batches of images_per_step images per optimizer step."
    )
    gradient_checkpointing: bool = Field(
        False,
        description="Recompute the vision tower's activations in the backward pass: less memory, more time.",
    )
    checkpoint_every: Count = Field(
        1000,
        description="Optimizer steps between resume checkpoints in .work/; one is also written when the stage is "
        "stopped.",
    )
    report_to: list[Literal["tensorboard", "wandb"]] = Field(
        [],
        description="Experiment trackers beside .work/live (DVCLive): tensorboard (in .work/tensorboard), wandb "
        "(`pip install wandb`); several as [tensorboard, wandb].",
    )
    launcher: str | None = Field(
        None,
        description='Command that starts several processes, such as "accelerate launch --multi_gpu --num_processes '
        '4"; null: one process.',
    )
