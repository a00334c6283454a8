"""The metrics of an answer against its references: text forms, per-pair scores and the table that names them."""

from vqatune.evaluation.metrics.table import METRICS, Metric, aggregate

__all__ = ["METRICS", "Metric", "aggregate"]
