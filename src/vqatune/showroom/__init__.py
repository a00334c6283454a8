"""A sample catalogue of drawn products in ABO's layout, and the images that the tiny base model is trained on."""
