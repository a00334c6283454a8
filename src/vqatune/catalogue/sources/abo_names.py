"""The names of ABO's archives and of what is in them; by themselves, so that no other code decides on a download."""

LISTINGS_ARCHIVE = "abo-listings.tar"
IMAGES_ARCHIVE = "abo-images-small.tar"
LISTINGS_MEMBER = r"listings/metadata/listings_[^/]*\.json(?:\.gz)?"
"""A regular expression."""
IMAGES_TABLES = ("images/metadata/images.csv", "images/metadata/images.csv.gz")
IMAGES_FOLDER = "images/small/"
