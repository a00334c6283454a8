"""Families whose tiny models learn slowly: too slowly for every commit."""

import pytest
from taught_models import share_of_colors, small_tiny


@pytest.mark.parametrize(
    ("kind", "tiny", "least"),
    [
        ("siglip", small_tiny(1e-3, hidden_size=96, steps=300), 0.2),
        ("vilt", small_tiny(1e-3, hidden_size=64, steps=400), 0.15),
    ],
)
def test_a_model_that_ranks_learns_what_it_is_taught(kind, tiny, least, monkeypatch):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    # By chance it would be one in ten.
    assert share_of_colors(kind, tiny) > least
