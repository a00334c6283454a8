"""Vega-Lite charts that figures and DVC's plots share."""
