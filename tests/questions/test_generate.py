import json
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.errors import DataError
from vqatune.params import GenerateParams
from vqatune.questions import generate
from vqatune.questions.checks import CHECKS, DIFFICULTIES, QUESTION_TYPES, check_pairs, clean_pairs
from vqatune.questions.generate import generate_pairs
from vqatune.tables import PAIRS, SAMPLED, read_table, write_table

SLICE = Path(__file__).resolve().parents[2].parent / "shared/abo-slice"
TEMPLATE = GenerateParams(provider="template", path=None)
COLORS = ["Red", "Blue", "Green", "Dark Blue", "None", "Black"]


def make_sampled(image_ids: list[str]) -> pd.DataFrame:
    rows = [
        {
            "image_id": image_id,
            "item_id": f"B{number // 2}",
            "product_type": ("CHAIR", "SHOES")[number % 2],
            "language": "en_US",
            "metadata": json.dumps(
                {"color": [COLORS[number % 6]], "style": ["Modern"], "material": ["Wood"]}
            ),
            "path": f"images/small/00/{image_id}.jpg",
            "archive": "a.tar",
            "offset": 0,
            "length": 1,
            "tier": 0,
            "repeats": 1,
        }
        for number, image_id in enumerate(image_ids)
    ]
    return pd.DataFrame(rows)[SAMPLED.names]


def write_recorded(path: Path, pairs: dict[str, list[tuple]]) -> GenerateParams:
    lines = [
        json.dumps(
            {"image_id": image_id, "qa_pairs": [dict(zip(names, pair, strict=False)) for pair in listed]}
        )
        for image_id, listed in pairs.items()
        for names in [("question", "answer", "difficulty", "source")]
    ]
    path.write_text("\n".join(lines))
    return GenerateParams(provider="recorded", path=str(path))


def test_recorded_pairs_are_cleaned_checked_and_counted(tmp_path):
    params = write_recorded(
        tmp_path / "pairs.jsonl",
        {
            "b": [
                ("What color is it?", " “Red”. ", 1, "someone"),
                ("what color is it", "Blue"),
                ("How many?", "None"),
            ],
            "a": [
                ("How many legs?", "Four"),
                ("Which words?", "two words"),
                ("Red or blue?", "Red"),
                ("Hm?", "x", 4),
            ],
            "elsewhere": [("What?", "Shoe")],
        },
    )
    pairs, report = generate_pairs(make_sampled(["a", "b", "c"]), params, seed=1)
    assert pairs.drop(columns="qa_id").astype(object).where(pairs.notna(), None).to_dict("records") == [
        {
            "image_id": image_id,
            "item_id": "B0",
            "product_type": product_type,
            "question": question,
            "answer": answer,
            "difficulty": difficulty,
            "question_type": kind,
            "language": "en_US",
            "task": "general",
            "generator": generator,
        }
        for image_id, product_type, question, answer, difficulty, kind, generator in [
            ("a", "CHAIR", "How many legs?", "Four", None, "count", "recorded"),
            ("b", "SHOES", "What color is it?", "Red", 1, "color", "someone"),
        ]
    ]
    assert report == {
        "provider": "recorded",
        "pairs": 8,
        "not_in_sample": 1,
        "dropped": dict.fromkeys(CHECKS, 1) | {"empty_question": 0, "empty_answer": 0},
        "kept": 2,
        "images": 3,
        "images_with_pairs": 2,
        "images_without_pairs": 1,
        "question_types": dict.fromkeys(QUESTION_TYPES, 0) | {"color": 1, "count": 1},
        "difficulties": {"0": 0, "1": 1, "2": 0, "3": 0, "5": 0, "none": 1},
        "generators": {"recorded": 1, "someone": 1},
    }
    assert json.loads(json.dumps(report)) == report


def test_ids_tell_pairs_apart_and_do_not_change_with_the_writing_of_a_question(tmp_path):
    ids = {}
    for name, question in (("plain", "What color?"), ("loud", "WHAT  color"), ("other", "What shape?")):
        params = write_recorded(
            tmp_path / f"{name}.jsonl", {"a": [(question, "red")], "b": [(question, "red")]}
        )
        ids[name] = generate_pairs(make_sampled(["a", "b"]), params, seed=1)[0]["qa_id"].tolist()
    assert ids["plain"] == ids["loud"]
    assert len({*ids["plain"], *ids["other"]}) == 4
    assert all(len(qa_id) == 16 and int(qa_id, 16) >= 0 for qa_id in ids["plain"])


def test_template_pairs_pass_every_check_and_fit_their_table(tmp_path):
    sampled = make_sampled([f"{number:03d}" for number in range(60)])
    pairs, report = generate_pairs(sampled, TEMPLATE, seed=1)
    assert check_pairs(clean_pairs(pairs)).isna().all()
    assert sum(report["dropped"].values()) == 0
    assert set(pairs["generator"]) == {"template"} and set(pairs["difficulty"]) <= set(DIFFICULTIES)
    assert set(pairs["question_type"]) <= set(QUESTION_TYPES)
    assert pairs["qa_id"].is_unique
    write_table(pairs, tmp_path / "qa.parquet", PAIRS)
    pd.testing.assert_frame_equal(read_table(tmp_path / "qa.parquet", PAIRS), pairs, check_dtype=False)


def test_template_pairs_do_not_depend_on_the_order_of_rows_or_the_number_of_workers(monkeypatch):
    sampled = make_sampled([f"{number:03d}" for number in range(40)])
    whole = generate_pairs(sampled, TEMPLATE, seed=1)
    monkeypatch.setattr(generate, "IMAGES_PER_PART", 15)
    for workers in ("1", "2"):
        monkeypatch.setenv("VQATUNE_WORKERS", workers)
        parted = generate_pairs(sampled.sample(frac=1, random_state=1), TEMPLATE, seed=1)
        pd.testing.assert_frame_equal(whole[0], parted[0])
        assert whole[1] == parted[1]


@settings(max_examples=30, deadline=None)
@given(
    listed=st.dictionaries(
        st.sampled_from("abcdz"),
        st.lists(
            st.tuples(
                st.sampled_from(["What?", "what", "How many?"]), st.sampled_from(["red", "No", "", "x y"])
            )
        ),
    ),
    random=st.randoms(use_true_random=False),
)
def test_recorded_pairs_do_not_depend_on_the_order_of_images(tmp_path_factory, listed, random):
    folder = tmp_path_factory.mktemp("recorded")
    # One pair that is always there, so that there is always something left.
    listed = {**listed, "e": [("What?", "shoe")]}
    shuffled = dict(random.sample(list(listed.items()), len(listed)))
    sampled = make_sampled(list("abcde"))
    first = generate_pairs(sampled, write_recorded(folder / "1.jsonl", listed), seed=1)
    second = generate_pairs(sampled[::-1], write_recorded(folder / "2.jsonl", shuffled), seed=1)
    pd.testing.assert_frame_equal(first[0], second[0])
    assert first[1] == second[1]
    report = first[1]
    assert report["pairs"] == sum(map(len, listed.values()))
    assert report["pairs"] == report["not_in_sample"] + sum(report["dropped"].values()) + report["kept"]
    for name in ("question_types", "difficulties", "generators"):
        assert sum(report[name].values()) == report["kept"]


def test_nothing_left_is_an_error_that_says_why(tmp_path):
    params = write_recorded(tmp_path / "pairs.jsonl", {"a": [("What?", "None"), ("Which?", "two words")]})
    with pytest.raises(
        DataError, match=r"no question-answer pair is left of 2 \(none_like 1, not_one_word 1\)"
    ):
        generate_pairs(make_sampled(["a"]), params, seed=1)
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match="empty.jsonl holds no question-answer pair"):
        generate_pairs(
            make_sampled(["a"]), GenerateParams(provider="recorded", path=str(tmp_path / "empty.jsonl")), 1
        )
    sampled = make_sampled(["a"]).assign(metadata="{}", product_type="")
    with pytest.raises(DataError, match="the provider gave none"):
        generate_pairs(sampled, TEMPLATE, seed=1)


@pytest.mark.skipif(not SLICE.exists(), reason="the slice of ABO is not beside the repository")
def test_the_recorded_pairs_of_the_slice_are_nearly_all_kept():
    path = SLICE / "recorded-qa.jsonl.gz"
    recorded = generate.read_recorded(path)
    images = recorded.drop_duplicates("image_id")
    sampled = make_sampled(images["image_id"].tolist()).assign(path=images["path"].tolist())
    params = GenerateParams(provider="recorded", path=str(path))
    pairs, report = generate_pairs(sampled, params, seed=1)
    assert (report["pairs"], report["not_in_sample"], report["images_with_pairs"]) == (118_170, 0, 10_000)
    assert report["dropped"] == {
        "empty_question": 0,
        "empty_answer": 33,
        "none_like": 35,
        "not_one_word": 5,
        "answer_in_question": 1_500,
        "difficulty": 0,
        "repeated_question": 1_485,
    }
    assert report["kept"] == len(pairs) == 115_112 and pairs["qa_id"].is_unique
