"""Shared by the tests of packing and of BLIP: a model of random weights, and what it is asked."""

import pytest
from asked_pairs import COUNTS, Asked, asked_model
from transformers import BlipForQuestionAnswering


@pytest.fixture(scope="module")
def model() -> BlipForQuestionAnswering:
    return asked_model()


@pytest.fixture(scope="module")
def asked() -> Asked:
    return Asked(COUNTS)
