"""The metrics of an answer against its references: text forms, scores of pairs and the table that names them."""

from vqatune.evaluation.metrics.table import METRICS, PUBLISHED, Metric, aggregate, pair_weights, ranked

__all__ = ["METRICS", "PUBLISHED", "Metric", "aggregate", "pair_weights", "ranked"]
