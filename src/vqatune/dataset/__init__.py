"""The dataset: training and test set, and the master batches."""
