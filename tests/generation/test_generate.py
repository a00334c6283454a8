"""From images to checked pairs: which are kept, which are dropped by what, and what is said about both."""

import re
from pathlib import Path

import pandas as pd
import pytest
from generated_pairs import TEMPLATE, assert_adds_up, checked_pairs, make_sampled, write_recorded, written
from hypothesis import given, settings
from hypothesis import strategies as st
from whole_tables import extract, filter_images

from vqatune.catalogue.sample import sample_images
from vqatune.errors import DataError
from vqatune.generation import generate, pair_source
from vqatune.generation.checks.checks import (
    CHECKS,
    DIFFICULTIES,
    QUESTION_TYPES,
    check_pairs,
    clean_and_check,
)
from vqatune.generation.checks.cleaning import clean_pairs
from vqatune.params import GenerateParams
from vqatune.tables import CHECKED, PAIRS, read_table, write_table

SLICE = Path(__file__).resolve().parents[2].parent / "shared/abo-slice"


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
                ("Is the red one dark?", "Red"),
                ("Which shape?", "Round", 4),
                ("How many legs?", ""),
            ],
            "elsewhere": [("What?", "Shoe")],
        },
    )
    kept, dropped, generated = checked_pairs(make_sampled(["a", "b", "c"]), params)
    assert kept.drop(columns="qa_id").astype(object).where(kept.notna(), None).to_dict("records") == [
        {
            "image_id": image_id,
            "item_id": "B0",
            "product_type": product_type,
            "question": question,
            "answer": answer,
            "difficulty": difficulty,
            "question_type": kind,
            "attribute": kind,
            "language": "en_US",
            "task": "general",
            "generator": generator,
        }
        for image_id, product_type, question, answer, difficulty, kind, generator in [
            ("a", "CHAIR", "How many legs?", "Four", None, "count", "recorded"),
            ("b", "SHOES", "What color is it?", "Red", 1, "color", "someone"),
        ]
    ]
    report, summary = generated.report, generated.summary
    assert report["dropped"] == dict.fromkeys(CHECKS, 0) | {
        "empty_answer": 1,
        "none_like": 1,
        "too_many_words": 1,
        "answer_in_question": 1,
        "difficulty": 1,
        "repeated_question": 1,
    }
    counted = ("provider", "prompt", "shard", "images", "images_with_pairs", "not_in_sample", "pairs", "kept")
    assert [report[name] for name in counted] == ["recorded", None, None, 3, 2, 1, 8, 2]
    assert report["question_types"] == dict.fromkeys([*QUESTION_TYPES, "none"], 0) | {"color": 1, "count": 1}
    assert report["difficulties"] == {"0": 0, "1": 1, "2": 0, "3": 0, "5": 0, "none": 1}
    assert report["generators"] == {"recorded": 1, "someone": 1}
    assert "replies" not in report and "repairs" not in report
    assert summary == {
        "provider": "recorded",
        "model": None,
        "prompt": None,
        "images": 3,
        "requests": 0,
        "pairs": 8,
        "kept": 2,
    }
    assert_adds_up(kept, dropped, generated)


def test_dropped_pairs_stay_on_record_with_the_check_that_dropped_them(tmp_path):
    listed = {
        "a": [
            ("How many legs?", "Four"),
            ("how many legs", "3"),
            ("Which words?", "Two words"),
            ("What tone?", "none"),
        ]
    }
    _, dropped, _ = checked_pairs(make_sampled(["a"]), write_recorded(tmp_path / "pairs.jsonl", listed))
    assert list(dropped.columns) == CHECKED.names
    assert set(dropped[["question", "answer", "check"]].itertuples(index=False, name=None)) == {
        ("how many legs", "3", "repeated_question"),
        ("Which words?", "Two words", "too_many_words"),
        ("What tone?", "none", "none_like"),
    }
    write_table(dropped, tmp_path / "dropped.parquet", CHECKED)
    pd.testing.assert_frame_equal(
        read_table(tmp_path / "dropped.parquet", CHECKED), dropped, check_dtype=False
    )


def test_a_part_keeps_every_pair_and_what_its_source_said_of_its_type():
    pairs = pd.DataFrame(
        {
            "image_id": ["b", "a", "a"],
            "question": ["What color?", "How many legs?", ""],
            "answer": ["red", "4", "blue"],
            "difficulty": pd.array([1, None, 2], dtype="Int8"),
            "question_type": ["material", None, None],
            "source": "m",
        }
    )
    checked = clean_and_check(pairs, make_sampled(["b", "a"]))
    assert checked["image_id"].tolist() == ["a", "a", "b"] and list(checked.columns) == CHECKED.names
    by_question = checked.set_index("question")
    assert by_question["question_type"].drop("").to_dict() == {
        "What color?": "material",
        "How many legs?": "count",
    }
    # What the question asks for is the question type where the source does not say it.
    attributes = by_question["attribute"].drop("").to_dict()
    assert attributes == {"What color?": "material", "How many legs?": "count"}
    said = clean_and_check(pairs.assign(attribute=["glaze", None, None]), make_sampled(["b", "a"]))
    assert said.set_index("question").loc["What color?", "attribute"] == "glaze"
    assert by_question["check"].fillna("kept").to_dict() == {
        "What color?": "kept",
        "How many legs?": "kept",
        "": "empty_question",
    }


def test_ids_tell_pairs_apart_and_do_not_change_with_the_writing_of_a_question(tmp_path):
    ids = {}
    for name, question in (("plain", "What color?"), ("loud", "WHAT  color"), ("other", "What shape?")):
        params = write_recorded(
            tmp_path / f"{name}.jsonl", {"a": [(question, "red")], "b": [(question, "red")]}
        )
        ids[name] = checked_pairs(make_sampled(["a", "b"]), params)[0]["qa_id"].tolist()
    assert ids["plain"] == ids["loud"]
    assert len({*ids["plain"], *ids["other"]}) == 4
    assert all(len(qa_id) == 16 and int(qa_id, 16) >= 0 for qa_id in ids["plain"])


def test_template_pairs_pass_every_check_and_fit_their_table(tmp_path):
    sampled = make_sampled([f"{number:03d}" for number in range(60)])
    kept, dropped, generated = checked_pairs(sampled, TEMPLATE)
    assert check_pairs(clean_pairs(kept)).isna().all()
    assert dropped.empty and len(kept) > 60
    assert set(kept["generator"]) == {"template"} and set(kept["difficulty"]) <= set(DIFFICULTIES)
    assert set(kept["question_type"]) <= set(QUESTION_TYPES)
    assert kept["qa_id"].is_unique
    write_table(kept, tmp_path / "qa.parquet", PAIRS)
    pd.testing.assert_frame_equal(read_table(tmp_path / "qa.parquet", PAIRS), kept, check_dtype=False)
    assert_adds_up(kept, dropped, generated)


def test_template_pairs_do_not_depend_on_the_order_of_rows_or_the_number_of_workers(tmp_path, monkeypatch):
    sampled = make_sampled([f"{number:03d}" for number in range(40)])
    whole = written(sampled, TEMPLATE, tmp_path)
    monkeypatch.setattr(pair_source, "IMAGES_PER_CHUNK", 15)
    for workers in ("1", "2"):
        monkeypatch.setenv("VQATUNE_WORKERS", workers)
        assert written(sampled.sample(frac=1, random_state=1), TEMPLATE, tmp_path) == whole


def test_images_in_a_language_without_templates_are_counted_and_the_way_to_add_one_is_named():
    sampled = make_sampled(["a", "b", "c", "d"]).assign(language=["en_US", "de_DE", "pt_BR", "pt_BR"])
    kept, dropped, generated = checked_pairs(sampled, TEMPLATE)
    assert set(kept["language"]) == {"en_US", "de_DE"} and dropped.empty
    assert generated.report["languages_without_templates"] == {"pt_BR": 2}
    said = r"2 of 4 images have no pairs, .* \(pt_BR 2\): docs/languages.md"
    assert re.search(said, generate.languages_line(generated.report))
    with pytest.raises(
        DataError, match=r"no question-answer pair is made: 2 of 2 images .* docs/languages.md"
    ):
        checked_pairs(sampled[sampled["language"] == "pt_BR"], TEMPLATE)


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
    first = checked_pairs(sampled, write_recorded(folder / "1.jsonl", listed))
    second = checked_pairs(sampled[::-1], write_recorded(folder / "2.jsonl", shuffled))
    for one, other in zip(first[:2], second[:2], strict=True):
        pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(first[2].rates, second[2].rates)
    assert first[2].report == second[2].report and first[2].summary == second[2].summary
    assert_adds_up(*first)
    report = first[2].report
    assert report["pairs"] + report["not_in_sample"] == sum(map(len, listed.values()))


def test_nothing_left_is_an_error_that_says_why(tmp_path):
    params = write_recorded(tmp_path / "pairs.jsonl", {"a": [("What?", "None"), ("Which?", "two words")]})
    with pytest.raises(
        DataError, match=r"no question-answer pair is left of 2 \(none_like 1, too_many_words 1\)"
    ):
        checked_pairs(make_sampled(["a"]), params)
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match="empty.jsonl holds no question-answer pair"):
        checked_pairs(
            make_sampled(["a"]), GenerateParams(provider="recorded", path=str(tmp_path / "empty.jsonl"))
        )
    sampled = make_sampled(["a"]).assign(metadata="{}", product_type="")
    with pytest.raises(DataError, match="the provider gave none"):
        checked_pairs(sampled, TEMPLATE)


@pytest.mark.skipif(not SLICE.exists(), reason="the slice of ABO is not beside the repository")
def test_the_recorded_pairs_of_the_slice_are_nearly_all_kept(make_params, monkeypatch):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    params = make_params({"sample.strategy": "all"})
    catalogue = extract(SLICE, 0)
    filtered, _ = filter_images(catalogue.listings, catalogue.images, params.filter)
    sampled, _ = sample_images(filtered, params.sample, params.seed)
    recorded = GenerateParams(provider="recorded", path=str(SLICE / "recorded-qa.jsonl.gz"))
    kept, dropped, generated = checked_pairs(sampled, recorded)
    report = generated.report
    # Two pictures are one to the byte, and only the first is asked about.
    assert (report["pairs"], report["not_in_sample"], report["images_with_pairs"]) == (118_155, 15, 9_999)
    assert report["dropped"] == {
        "empty_question": 0,
        "empty_answer": 33,
        "none_like": 35,
        "too_many_words": 5,
        "not_a_question": 17,
        "answer_in_question": 431,
        "difficulty": 0,
        "question_type": 0,
        "language": 0,
        "not_visible": 859,
        "reviewed_wrong": 0,
        "repeated_question": 1_486,
        "nearly_repeated_question": 2_442,
    }
    assert len(kept) == 112_847 and kept["qa_id"].is_unique
    assert_adds_up(kept, dropped, generated)
