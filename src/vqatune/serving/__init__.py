"""`vqatune serve`: a version behind HTTP, where requests that wait are answered together."""
