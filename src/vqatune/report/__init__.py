"""Results of a run: the history of all versions, its plots, tables and page."""
