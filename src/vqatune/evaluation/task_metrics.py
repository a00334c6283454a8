"""The metrics of benchmark tasks that tables of several models show."""

from vqatune.params import TaskName

MAIN_METRICS: dict[TaskName, tuple[str, ...]] = {
    "multi_angle": ("exact_match", "pooled_match", "view_consistency"),
    "unanswerable": ("answerable_auroc", "accuracy_at_80", "aurc", "ece"),
    "multiple_choice": ("choice_accuracy", "grounding"),
}
"""Task → metrics of the whole task. The other tasks are shown by slice: category_wise by attribute, multi_language by language."""
