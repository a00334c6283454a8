"""The metrics of an answer against its references: text forms, scores of pairs and the table that names them."""

from vqatune.evaluation.metrics.table import METRICS, PUBLISHED, Metric, aggregate, ranked, total_terms

__all__ = ["METRICS", "PUBLISHED", "Metric", "aggregate", "ranked", "total_terms"]
