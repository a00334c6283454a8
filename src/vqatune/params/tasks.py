"""The parameters of tasks: benchmark tasks over the listings of the test set."""

from typing import Literal

from pydantic import Field

from vqatune.params.section import Count, Section

TaskName = Literal["category_wise", "multi_angle", "unanswerable", "multi_language", "multiple_choice"]


class TasksParams(Section):
    """Benchmark tasks over the listings of the test set (docs/tasks.md)."""

    use: list[TaskName] = Field(
        ["category_wise", "multi_angle", "unanswerable", "multi_language", "multiple_choice"],
        description="The tasks that every version is measured by, beside the pairs of the test set.",
    )
    questions: Count = Field(
        500,
        description="The most questions of a task, chosen by hash rank. One of multi_angle is asked about every picture of "
        "its listing, one of multi_language in every language.",
    )
