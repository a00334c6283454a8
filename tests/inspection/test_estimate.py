"""Estimates against counts by hand: of the server's ledger, and of the limits."""

import math

import pytest
from asked_images import COMPUTE, make_params, make_sampled, price
from model_server import ModelServer

from vqatune.errors import ParameterError
from vqatune.generation.client.rate_limiter import SHARE
from vqatune.generation.generate import generate_pairs
from vqatune.generation.prompts.prompt import fence, load_prompt
from vqatune.inspection import estimate as module
from vqatune.inspection.estimate import as_asked, estimate
from vqatune.params import GenerateParams, LimitsParams


def _asked(server, **changes) -> GenerateParams:
    return make_params(server, **changes)


def test_what_is_missing_is_counted_and_priced_by_the_replies_that_are_there(keyed):
    images = make_sampled(keyed, 40)
    plans = {"image00002": ["503", "ok"], "image00003": ["prose", "ok"]}
    with ModelServer(plans=plans, latency=0.02) as server:
        params = _asked(server, price=price(input=3.0, output=15.0), concurrency=4)
        generate_pairs(images[:10], params, COMPUTE, 1, pilot=True)
        with server.lock:
            ledger = list(server.ledger)
    replied = [entry for entry in ledger if entry.answered]
    found = estimate(images, params, COMPUTE)
    [single, batch] = found.by_provider
    assert (found.images, found.figures.images, single.images) == (40, 10, 30)
    # One request was refused, one brought a reply without pairs: twelve for ten images.
    assert len(ledger) == 12 and single.requests == math.ceil(30 * 12 / 10)
    tokens_in, tokens_out = (
        sum(getattr(entry, name) for entry in replied) for name in ("input_tokens", "output_tokens")
    )
    assert (single.input_tokens, single.output_tokens) == (
        round(30 * tokens_in / 10),
        round(30 * tokens_out / 10),
    )
    assert single.dollars == pytest.approx((single.input_tokens * 3 + single.output_tokens * 15) / 1e6)
    assert (batch.provider, batch.dollars, batch.hours) == (
        "gemini_batch",
        pytest.approx(single.dollars / 2),
        24,
    )
    assert found.figures.timed == 11 and 0.02 <= found.figures.seconds < 2
    assert single.hours == pytest.approx(36 * found.figures.seconds / 4 / 3600)
    assert single.held_by.startswith("4 requests at once")


def test_nothing_is_missing_once_all_have_been_asked(keyed):
    images = make_sampled(keyed, 3)
    with ModelServer() as server:
        params = _asked(server)
        generate_pairs(images, params, COMPUTE, 1)
        found = estimate(images, params, COMPUTE)
        assert [(one.images, one.requests, one.hours) for one in found.by_provider] == [(0, 0, 0)] * 2
        # Another model's replies are others.
        assert estimate(images, _asked(server, model="another"), COMPUTE).by_provider[0].images == 3
        assert (
            estimate(images, params.model_copy(update={"provider": "gemini_batch"}), COMPUTE).figures.images
            == 3
        )
        assert len(server.ledger) == 3


def test_without_replies_the_figures_are_assumed_from_the_prompt_and_the_listings(keyed):
    images = make_sampled(keyed, 8, product_type=["CHAIR"] * 5 + ["SHOES"] * 3)
    params = GenerateParams(provider="openai", path=None, model="m", endpoint="http://127.0.0.1:9/v1")
    found = estimate(images, params, COMPUTE)
    listings = [fence(each.metadata, each.product_type, each.language) for each in images.itertuples()]
    text = len(load_prompt("varied-v1", "schema").text) + sum(map(len, listings)) / 8
    [only] = found.by_provider
    assert found.figures.images == found.figures.timed == 0
    assert only.requests == 8 and only.dollars is None
    assert only.input_tokens == round(8 * (text / 4 + module.TOKENS_AN_IMAGE))
    assert only.output_tokens == 8 * 15 * 125 // 4
    shard = estimate(images, params.model_copy(update={"shard": "2/2"}), COMPUTE)
    assert (shard.images, shard.by_provider[0].images) == (3, 3)


@pytest.mark.parametrize(
    ("limits", "hours", "held_by"),
    [
        ({"requests_per_minute": 10}, 1000 / (10 * SHARE) / 60, "requests_per_minute"),
        ({"tokens_per_minute": 1000, "requests_per_minute": 10}, None, "tokens_per_minute"),
        # 400 a day: two full days, and 200 requests at the pace of the third.
        ({"requests_per_day": 400}, 48 + 200 * 8 / 16 / 3600, "requests_per_day"),
        ({"requests_per_day": 1000}, 1000 * 8 / 16 / 3600, "requests at once"),
    ],
)
def test_the_limit_that_holds_the_run_back_gives_the_hours(keyed, limits, hours, held_by):
    params = GenerateParams(provider="gemini", path=None, model="m", limits=LimitsParams(**limits))
    [single, _] = estimate(make_sampled(keyed, 1000), params, COMPUTE).by_provider
    if hours is None:
        hours = single.input_tokens / (1000 * SHARE) / 60
    assert held_by in single.held_by and single.hours == pytest.approx(hours)


def test_a_price_belongs_to_its_provider_and_model():
    params = GenerateParams(provider="gemini_batch", path=None, model="m", price=price(input=1, output=2))
    assert as_asked(params, None, None, None).price == price(input=1, output=2)
    assert as_asked(params, "gemini", None, None).price == price(input=2, output=4)
    assert as_asked(params, "openai", None, None).price == price()
    assert as_asked(params, None, "other", None).price == price()
    assert as_asked(params, "openai", "other", (5, 6)).price == price(input=5, output=6)


def test_a_provider_that_asks_no_model_has_no_price(keyed):
    params = GenerateParams(provider="template", path=None)
    with pytest.raises(ParameterError, match=r"asks no model.*--provider gemini"):
        estimate(make_sampled(keyed, 2), params, COMPUTE)
