"""What surrounds a computation and cannot change its result: stages, signals, progress, locks, fingerprints."""
