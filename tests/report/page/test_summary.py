import re
import shutil

import pytest

from vqatune.report.history import Best
from vqatune.report.page.answers import read_answers
from vqatune.report.page.comparison import comparison_data
from vqatune.report.page.summary import summarize
from vqatune.tables import read_json, write_json


@pytest.fixture(scope="module")
def comparison(small_run):
    return comparison_data(small_run.root, read_answers(small_run.root, small_run.versions))


def test_where_one_product_type_has_many_questions_the_mean_over_types_stands_beside_that_over_questions(
    small_run, comparison
):
    types = small_run.test.groupby("product_type")["v1"].agg(["mean", "size"])
    said = summarize(small_run.root, comparison, "v1", None, small_run.params)["sentences"]
    share = types["size"].max() / types["size"].sum()
    assert share >= 0.25
    [sentence] = [each for each in said if "macro-average" in each]
    assert sentence.startswith(f"{types['size'].idxmax()} has {share:.0%} of the questions.")
    assert f"over the {len(types)} product types" in sentence
    assert sentence.endswith(f", v1 {types['mean'].mean():.3f}.")

    even = [row | {"pairs": 9} for row in comparison["slices"] if row["slice"] == "product_type"]
    others = [row for row in comparison["slices"] if row["slice"] != "product_type"]
    said = summarize(small_run.root, comparison | {"slices": [*others, *even]}, "v1", None, small_run.params)
    assert not [each for each in said["sentences"] if "macro-average" in each]


def test_few_images_have_no_interval(small_run, comparison):
    assert "interval" in " ".join(
        summarize(small_run.root, comparison, "v1", None, small_run.params)["sentences"]
    )
    few = [comparison["slices"][0] | {"images": 4}, *comparison["slices"][1:]]
    said = summarize(small_run.root, comparison | {"slices": few}, "v1", None, small_run.params)["sentences"]
    assert "interval" not in " ".join(said) and f"v1 {small_run.test['v1'].mean():.3f}" in said[0]
    glosses = ("blind, the most frequent training answer, without a look, 0.", "base, not tuned, 0.")
    assert all(gloss in said[0] for gloss in glosses)


def _alike(small_run, comparison, half: float) -> list[str]:
    best = Best("v1", "exact_match", 0.6, 50)
    everything = comparison["slices"][0]
    changed = everything | {"half": [half for _ in everything["half"]]}
    slices = [changed, *comparison["slices"][1:]]
    said = summarize(small_run.root, comparison | {"slices": slices}, "v1", best, small_run.params)[
        "sentences"
    ]
    return re.findall("shows no certain difference in exact match between v1 and ([^.]+)", " ".join(said))


def test_versions_that_the_test_set_does_not_tell_from_the_chosen_one_are_named(small_run, comparison):
    right = small_run.test[["base", "v1", "v2"]].mean()
    assert _alike(small_run, comparison, 1.0) == ["base, v2"] and _alike(small_run, comparison, 0.0) == []
    assert abs(right["v1"] - right["v2"]) < abs(right["v1"] - right["base"])
    assert _alike(small_run, comparison, abs(right["v1"] - right["v2"]) + 1e-9) == ["v2"]


def test_product_types_that_are_only_trained_on_are_counted(small_run, comparison, tmp_path):
    shutil.copytree(small_run.root / "metrics/data", tmp_path / "metrics/data")
    path = tmp_path / "metrics/data/split.json"
    split = read_json(path)

    def said(trained: int, tested: int) -> list[str]:
        split["train"]["types"], split["test"]["types"] = trained, tested
        write_json(split, path)
        sentences = summarize(tmp_path, comparison, "v1", None, small_run.params)["sentences"]
        return [each for each in sentences if "trained on" in each]

    [sentence] = said(30, 19)
    assert sentence.startswith(
        "Of 30 product types that are trained on, 19 are tested; the other 11 are too small"
    )
    assert "the other one is too small" in said(3, 2)[0] and said(3, 3) == []


def test_where_base_is_the_best_it_is_still_said_that_it_is_not_tuned(small_run, comparison):
    best = Best("base", "exact_match", 0.6, 50)
    said = summarize(small_run.root, comparison, "base", best, small_run.params)["sentences"][0]
    assert "base, not tuned and the best on the validation set, 0." in said


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {},
            (
                "The catalogue is a sample catalogue",
                "the base model is a tiny one of the family blip that",
                "real pictures or models.",
            ),
        ),
        (
            {"raw.source": "drawn_museum", "model.source": "tiny", "model.family": "llava"},
            ("The catalogue is a sample museum", ", and the base model is a tiny one of the family llava"),
        ),
        (
            {"raw.source": "abo"},
            ("The base model is a tiny one", "nothing but drawings: these", "say nothing of real models."),
        ),
        (
            {"raw.source": "showroom", "model.source": "hub"},
            ("are drawn: these scores", "say nothing of real pictures."),
        ),
        ({"raw.source": "abo", "model.source": "hub"}, None),
    ],
)
def test_what_is_drawn_is_said_beside_the_scores(small_run, comparison, make_params, changes, parts):
    drawn = summarize(small_run.root, comparison, "v1", None, make_params(changes))["drawn"]
    if parts is None:
        assert drawn is None
    else:
        assert all(part in drawn for part in parts) and "say nothing of real" in drawn
