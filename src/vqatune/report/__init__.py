"""What is looked at after a run: the history of all versions, its plots and its table."""
