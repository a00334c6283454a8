"""Error rates and agreement against counts by hand."""

import pandas as pd
import pytest

from vqatune.generation.checks.reviews import COLUMNS
from vqatune.inspection.review_draw import draw_for_review
from vqatune.inspection.review_figures import review_figures
from vqatune.inspection.shares import share
from vqatune.tables import CHECKED, PAIRS

# Pair → generator, type, check, and what anna and ben say of it.
SAID = {
    "1": ("m", "color", "", "right", "right"),
    "2": ("m", "color", "", "wrong", "wrong"),
    "3": ("m", "shape", "", "mend", "mend"),
    "4": ("n", "shape", "", "right", "wrong"),
    "5": ("n", "shape", "", "right", ""),
    "6": ("n", "color", "", "unclear", "right"),
    "7": ("n", "color", "none_like", "right", "right"),
    "8": ("n", "color", "none_like", "wrong", "right"),
    "9": ("n", "color", "none_like", "wrong", ""),
    "a": ("n", "color", "language", "unclear", ""),
}


@pytest.fixture
def reviews() -> pd.DataFrame:
    rows = []
    for qa_id, (generator, kind, check, *said) in SAID.items():
        for reviewer, verdict in zip(("anna", "ben"), said, strict=True):
            if verdict:
                row = dict.fromkeys(COLUMNS, "") | {"qa_id": qa_id, "reviewer": reviewer, "verdict": verdict}
                row |= {"generator": generator, "question_type": kind, "check": check, "answer": "red"}
                rows.append(row | {"new_answer": "blue" if verdict == "mend" else ""})
    return pd.DataFrame(rows, dtype="str")


def test_error_rates_are_shares_of_the_kept_pairs_on_which_people_settled(reviews):
    figures = review_figures(reviews)
    rates = {(rate.by, rate.value): rate for rate in figures.rates}
    # Of 1, 2, 3, 5 and 6 two are wrong; on 4 they disagree.
    total = rates["all", "kept pairs"]
    assert total.wrong == share(2, 5) and (total.mended, total.unsettled) == (1, 1)
    assert rates["generator", "m"].wrong == share(2, 3)
    assert rates["generator", "n"].wrong == share(0, 2) and rates["generator", "n"].unsettled == 1
    assert rates["question_type", "color"].wrong == share(1, 3)
    assert rates["question_type", "shape"].wrong == share(1, 2)
    assert len(rates) == 5 and figures.pairs == 10 and figures.reviewers == {"anna": 10, "ben": 7}


def test_a_check_drops_as_many_good_pairs_as_its_reviewed_ones_say(reviews):
    language, none_like = sorted(review_figures(reviews, {"none_like": 400}).lost, key=lambda one: one.check)
    # Of 7, 8 and 9, one is right, one wrong, and on one they disagree.
    assert none_like.right == share(1, 2) and none_like.unsettled == 1
    assert none_like.good == pytest.approx((200, 400 * share(1, 2).low, 400 * share(1, 2).high))
    assert language.right.of == 0 and language.good is None
    assert review_figures(reviews).lost[0].good is None


def test_agreement_is_over_the_pairs_that_both_have_reviewed(reviews):
    from sklearn.metrics import cohen_kappa_score

    [agreement] = review_figures(reviews).agreements
    both = [said for _, _, _, *said in SAID.values() if said[1]]
    assert agreement.same == share(4, 7)
    assert agreement.kappa == pytest.approx(cohen_kappa_score(*zip(*both, strict=True)))


def _pairs(count: int, check: str | None = None) -> pd.DataFrame:
    frame = pd.DataFrame({"qa_id": [f"{check}{number}" for number in range(count)]})
    fixed = {name: "x" for name in CHECKED.names if name not in ("qa_id", "difficulty", "check")}
    frame = frame.assign(**fixed, difficulty=0, check=check)
    return frame[CHECKED.names if check else PAIRS.names]


def test_a_quarter_of_what_is_drawn_is_dropped_pairs_as_evenly_over_the_checks_as_there_are():
    kept = _pairs(500)
    dropped = pd.concat([_pairs(300, "language"), _pairs(3, "none_like"), _pairs(50, "reviewed_wrong")])
    drawn = draw_for_review(kept, dropped, 40, 1)
    assert drawn["check"].fillna("kept").value_counts().to_dict() == {
        "kept": 30,
        "language": 7,
        "none_like": 3,
    }
    shuffled = kept.sample(frac=1, random_state=1), dropped.sample(frac=1, random_state=1)
    assert draw_for_review(*shuffled, 40, 1).equals(drawn)
    assert set(draw_for_review(kept, dropped, 20, 1)["qa_id"]) < set(drawn["qa_id"])
    # Not in blocks by which a reviewer could tell what the checks say.
    assert drawn["check"].notna().astype(int).diff().abs().sum() > 5
    assert len(draw_for_review(kept[:3], dropped, 40, 1)) == 40
    assert len(draw_for_review(kept[:3], dropped[:5], 40, 1)) == 8
