from dataclasses import replace
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from vqatune.evaluation.scoring.bootstrap import interval, resampled_means
from vqatune.evaluation.scoring.score import mean_sums
from vqatune.report.page.answers import read_answers
from vqatune.report.page.comparison import _t_975, comparison_data


@pytest.fixture(scope="module")
def answers(small_run):
    return read_answers(small_run.root, small_run.versions)


@pytest.fixture(scope="module")
def data(small_run, answers):
    return comparison_data(small_run.root, answers)


def test_the_counts_are_those_of_the_predictions(small_run, data):
    test = small_run.test
    for row in data["slices"]:
        if row["slice"] not in ("all", "difficulty", "question_type", "product_type"):
            continue
        rows = test if row["slice"] == "all" else test[test[row["slice"]].astype(str) == row["value"]]
        assert (row["pairs"], row["images"]) == (len(rows), rows["image_id"].nunique())
        assert row["right"] == [rows[version].sum() for version in small_run.versions]
        for place, (first, second) in enumerate(combinations(small_run.versions, 2)):
            assert row["gained"][place] == (rows[second] & ~rows[first]).sum()
            assert row["lost"][place] == (rows[first] & ~rows[second]).sum()


def test_the_shares_are_those_that_eval_wrote(small_run, data):
    for place, version in enumerate(small_run.versions):
        written = pd.read_csv(small_run.root / f"metrics/by/{version}.csv").set_index(["slice", "value"])[
            "exact_match"
        ]
        for row in data["slices"][1:]:
            assert row["right"][place] / row["pairs"] == pytest.approx(written[row["slice"], row["value"]])
    total = next(row for row in data["totals"] if row["name"] == "exact_match")
    everything = data["slices"][0]
    shares = [right / everything["pairs"] for right in everything["right"]]
    assert total["value"] == pytest.approx(shares, abs=1e-6)


def test_the_interval_is_about_that_of_the_bootstrap_over_images(answers, data):
    pairs = answers.pairs[["image_id"]].copy()
    for place, (first, second) in enumerate(combinations(range(4), 2)):
        pairs["exact_match"] = answers.right[:, second].astype(float) - answers.right[:, first]
        low, high = interval(resampled_means(*mean_sums(pairs, ["exact_match"]), 4000, 1))
        assert data["slices"][0]["half"][place] == pytest.approx(float(high[0] - low[0]) / 2, rel=0.1)


def test_few_images_widen_the_interval_as_students_t_does_and_too_few_have_none(answers, small_run):
    # Textbook values of the 0.975 quantile.
    for freedom, quantile in {4: 2.776, 5: 2.571, 10: 2.228, 30: 2.042, 1000: 1.962}.items():
        assert _t_975(freedom) == pytest.approx(quantile, rel=0.003)
    # Twenty pairs of four images, all of which the second version has right and the first has not.
    pairs = answers.pairs.iloc[:20].assign(image_id=[f"i{place // 5}" for place in range(20)])
    right = np.zeros((20, 4), dtype=bool)
    right[:, 1] = True
    few = replace(answers, pairs=pairs, right=right)
    assert comparison_data(small_run.root, few)["slices"][0]["half"] == [None] * 6
    more = replace(few, pairs=pairs.assign(image_id=[f"i{place // 4}" for place in range(20)]))
    assert comparison_data(small_run.root, more)["slices"][0]["half"] == [0.0] * 6


def test_one_image_says_nothing_about_certainty_and_values_are_in_their_own_order(small_run, answers):
    some = (answers.pairs["image_id"] == answers.pairs["image_id"].iat[0]).to_numpy()
    one = replace(
        answers,
        pairs=answers.pairs[some].reset_index(drop=True),
        texts=answers.texts[some],
        probabilities=answers.probabilities[some],
        right=answers.right[some],
    )
    rows = comparison_data(small_run.root, one)["slices"]
    assert all(row["half"] == [None] * 6 for row in rows)
    difficulties = [int(row["value"]) for row in rows if row["slice"] == "difficulty"]
    assert difficulties == sorted(difficulties) and len(difficulties) > 1
    assert not np.isnan([row["right"] for row in rows]).any()


def test_of_metrics_that_are_equal_in_all_versions_there_is_one(data):
    rows = {row["name"]: row["equal"] for row in data["totals"]}
    # The made-up answers are of one word.
    assert {"bleu1", "token_overlap", "lcs_ratio", "jaccard_clean"} == set(rows["exact_match"])
    assert rows["fuzzy"] == [] and "bleu1" not in rows
