"""What a version answers: decoding, predictions for the test set, and whether they come from the image."""
