"""A sample catalogue of drawn products in ABO's layout, and the images that tiny base models are trained on."""
