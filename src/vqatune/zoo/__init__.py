"""The zoo: many models, untuned, on one test set."""
