"""For tests of batch jobs: a server with a short minute, and its requests by kind."""

from collections import Counter

from model_server import ModelServer

from vqatune.generation.replies.store import REPLIES

JOBS = REPLIES.parent / "jobs"
OTHER = "AIza-another-key-that-is-none-0123456789"


def serve(**settings):
    return ModelServer(**{"minute": 0.2, "pairs": 3} | settings)


def kinds(server):
    return Counter(entry.kind for entry in server.ledger)


def names(count):
    return {f"image{number:05d}": 1 for number in range(count)}
