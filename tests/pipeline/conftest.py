"""DVC itself, run in copies of the repository that are shrunken to two versions, a tiny model and 150 listings."""

from checkouts import again, checkout, clone, environment, finished, once, shortened, shorter, start

__all__ = ["again", "checkout", "clone", "environment", "finished", "once", "shortened", "shorter", "start"]
