"""generate with a model: checks chunk by chunk, shards, and the error where too many images have no pairs."""

import pandas as pd
import pytest
from asked_images import make_params as asking
from asked_images import make_sampled as make_pictures
from generated_pairs import (
    ANSWERED,
    TEMPLATE,
    assert_adds_up,
    checked_pairs,
    make_sampled,
    write_recorded,
    written,
)
from model_server import ModelServer, default_answer

from vqatune.errors import DataError
from vqatune.generation import pair_source
from vqatune.generation.client import model_pairs


def test_what_a_model_wrote_is_checked_like_all_else_and_bears_its_name(keyed):
    images = make_pictures(keyed, 12, product_type=["CHAIR", "SHOES"] * 6)
    names = ("question", "answer", "difficulty", "question_type")
    pairs = [dict(zip(names, pair, strict=True)) for pair in ANSWERED]
    plans = {"image00003": "blocked", "image00004": ["fenced"]}
    with ModelServer(answer=lambda name: pairs, plans=plans) as server:
        kept, dropped, generated = checked_pairs(images, asking(server, max_failed=0.1))
    assert len(kept) == 3 * 11 and set(kept["generator"]) == {"gemini-test"}
    assert kept[["answer", "question_type"]].value_counts().to_dict() == {
        ("red", "color"): 11,
        ("4", "count"): 11,
        ("yes", "object"): 11,
    }
    assert dropped["check"].value_counts().to_dict() == {"too_many_words": 11, "not_visible": 11}
    assert_adds_up(kept, dropped, generated)
    report, summary, rates = generated.report, generated.summary, generated.rates
    assert report["replies"] == {"as_asked": 10, "blocked": 1, "repaired": 1}
    assert report["repairs"]["fences"] == 1 and report["images_without_pairs"] == 1
    assert report["prompt"] == summary["prompt"] == "varied-v1"
    assert rates["value"].tolist() == ["all", "gemini-test", "varied-v1", "CHAIR", "SHOES"]
    told = {name: summary[name] for name in ("model", "images", "images_failed", "requests", "replies")}
    assert told == {
        "model": "gemini-test",
        "images": 12,
        "images_failed": 1,
        "requests": 12,
        "replies": 12,
    }
    assert summary["failures"] == {"blocked": 1} and summary["cost_usd"] is None


@pytest.mark.parametrize("sizes", [(1, 1), (7, 3), (4000, 1000)])
def test_parts_of_any_size_give_the_same_bytes(keyed, monkeypatch, sizes):
    # The fourth is an image whose pairs are all dropped, the last one has none.
    listed = {f"{number:02d}": [pair[:3] for pair in ANSWERED] for number in range(14)}
    listed["03"] = [("What?", "none")]
    recorded = write_recorded(keyed / "pairs.jsonl", listed)
    sampled = make_sampled([f"{number:02d}" for number in range(15)])
    images = make_pictures(keyed, 12)
    with ModelServer(chaos={"fenced": 0.2, "csv": 0.2}, plans={"image00005": "blocked"}) as server:
        model = asking(server, max_failed=0.1)
        for params, rows in ((recorded, sampled), (TEMPLATE, sampled), (model, images)):
            monkeypatch.setattr(pair_source, "IMAGES_PER_CHUNK", 4000)
            monkeypatch.setattr(model_pairs, "IMAGES_PER_CHUNK", 1000)
            whole = written(rows, params, keyed / "whole")
            monkeypatch.setattr(pair_source, "IMAGES_PER_CHUNK", sizes[0])
            monkeypatch.setattr(model_pairs, "IMAGES_PER_CHUNK", sizes[1])
            assert written(rows, params, keyed / "parted") == whole, params.provider
        assert len(server.ledger) == 12


def test_shards_share_all_pairs_out_and_share_none(keyed):
    types = ["CHAIR"] * 9 + ["SHOES"] * 6 + ["MUG"] * 5 + ["HAT"] * 4
    sampled = make_sampled([f"{number:02d}" for number in range(24)]).assign(product_type=types)
    listed = {name: [pair[:3] for pair in ANSWERED] for name in sampled["image_id"]}
    recorded = write_recorded(keyed / "pairs.jsonl", listed)
    images = make_pictures(keyed, 24, product_type=types)
    with ModelServer() as server:
        for params, rows in ((recorded, sampled), (TEMPLATE, sampled), (asking(server), images)):
            whole = checked_pairs(rows, params)
            shards = [
                checked_pairs(rows, params.model_copy(update={"shard": f"{number}/3"}))
                for number in (1, 2, 3)
            ]
            for place in (0, 1):
                together = pd.concat([shard[place] for shard in shards])
                together = together.sort_values(["image_id", "qa_id"], ignore_index=True)
                pd.testing.assert_frame_equal(together, whole[place], check_dtype=not whole[place].empty)
            assert [shard[2].report["images"] for shard in shards] == [9, 6, 9]
            assert [shard[2].report["shard"] for shard in shards] == ["1/3", "2/3", "3/3"]
            for shard in shards:
                assert_adds_up(*shard)
        assert len(server.ledger) == 24


@pytest.mark.parametrize("provider", ["template", "recorded", "gemini"])
def test_a_shard_without_images_is_an_error_that_says_so(keyed, provider):
    listed = write_recorded(keyed / "pairs.jsonl", {"00": [pair[:3] for pair in ANSWERED]})
    with ModelServer() as server:
        params = {"template": TEMPLATE, "recorded": listed, "gemini": asking(server)}[provider]
        with pytest.raises(DataError, match=r"generate.shard 3/3 has no image.* 2 product type"):
            checked_pairs(make_sampled(["00", "01"]), params.model_copy(update={"shard": "3/3"}))
        assert server.ledger == []


def test_more_images_without_a_reply_than_are_admitted_fail_at_the_end_with_everything_kept(keyed):
    images = make_pictures(keyed, 40)
    plans = {"image00003": "blocked", "image00017": "refused", "image00025": "blocked"}
    with ModelServer(plans=plans) as server:
        with pytest.raises(DataError) as raised:
            checked_pairs(images, asking(server, max_failed=0.05))
        said = str(raised.value)
        assert "gemini-test gave no pairs for 3 of 40 images (blocked 2, refused 1)" in said
        assert "more than generate.max_failed (0.05)" in said and "\n" not in said
        listed = (keyed / ".work/replies/set_aside.csv").read_text()
        assert listed == "image_id,reason\nimage00003,blocked\nimage00017,refused\nimage00025,blocked\n"
        assert len(server.ledger) == 40
        kept, _, generated = checked_pairs(images, asking(server, max_failed=0.075))
        assert len(server.ledger) == 40
    assert kept["image_id"].nunique() == 37 and generated.summary["images_failed"] == 3


def test_where_more_fail_than_are_admitted_no_table_is_written(keyed):
    refused = pytest.raises(DataError, match="generate.max_failed")
    with ModelServer(plans={"image00003": "blocked"}) as server, refused:
        written(make_pictures(keyed, 10), asking(server), keyed / "tables")
    assert list((keyed / "tables").glob("*")) == []


def test_a_change_of_what_is_dropped_reads_what_was_paid_for_and_asks_nothing(keyed, monkeypatch):
    images = make_pictures(keyed, 10)
    with ModelServer(pairs=15) as server:
        before = checked_pairs(images, asking(server))
        monkeypatch.setattr("vqatune.generation.checks.checks.NONE_LIKE", frozenset({"red", "yes", "no"}))
        after = checked_pairs(images, asking(server))
        assert len(server.ledger) == 10
    said = [pair["answer"] for image_id in images["image_id"] for pair in default_answer(image_id, 15)]
    fewer = sum(answer in ("red", "yes", "no") for answer in said)
    assert len(before[0]) - len(after[0]) == fewer > 0
    assert (after[1]["check"] == "none_like").sum() == fewer
    assert after[2].summary | {"kept": 0} == before[2].summary | {"kept": 0}
