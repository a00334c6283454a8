"""A sample catalogue of drawn products in ABO's layout, and the pictures that teach the tiny base model."""
