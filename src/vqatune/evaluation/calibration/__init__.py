"""Temperature scaling of versions: probabilities that are shares of right answers."""
