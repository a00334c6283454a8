import pytest

from vqatune.report.page.answers import read_answers
from vqatune.report.page.comparison import comparison_data
from vqatune.report.page.summary import summarize


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
