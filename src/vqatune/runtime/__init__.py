"""Running computations, without effect on their results: stages, signals, progress, logs, locks, fingerprints."""
