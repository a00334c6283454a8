"""Two generators compared, against counts by hand."""

import pandas as pd
import pytest
from asked_images import COMPUTE, make_params, make_sampled
from generated_pairs import write_recorded
from model_server import ModelServer
from sampled_pictures import write_sample

from vqatune.errors import DataError
from vqatune.generation.checks.qa_ids import qa_ids
from vqatune.generation.checks.reviews import COLUMNS, settle, write_reviews
from vqatune.generation.generate import generate_pairs
from vqatune.inspection.generator_figures import compare_generators
from vqatune.inspection.generators import load_generator
from vqatune.inspection.shares import share

A = [
    ("What color is the seat?", "red", 0, "color"),
    ("How many legs are there?", "four", 1, "count"),
    ("Is there a cushion?", "yes", 0, "object"),
    ("Which words are printed?", "two words", 2, "text"),
]
B = [
    ("What colour is the seat?", "Red.", 0, "color"),
    ("How many legs are there?", "three", 1, "count"),
    ("What is the brand?", "unknown", 2, "text"),
]


def _answers(pairs):
    names = ("question", "answer", "difficulty", "question_type")
    return lambda image: [dict(zip(names, pair, strict=True)) for pair in pairs]


@pytest.fixture
def asked(keyed):
    """Ten images: model-a was asked about all, model-b about eight, of which one was blocked; with the servers' tokens."""
    images = make_sampled(keyed, 10)
    tokens = {}
    for model, pairs, some, plans in (
        ("model-a", A, images, {}),
        ("model-b", B, images[2:], {"image00002": "prose"}),
    ):
        with ModelServer(answer=_answers(pairs), plans=plans) as server:
            params = make_params(server, model=model, attempts=2)
            generate_pairs(some, params, COMPUTE, 1, pilot=True)
            tokens[model] = [entry for entry in server.ledger if entry.answered]
    return images, params, tokens


def _review(image: str, question: str, answer: str, verdict: str) -> dict:
    row = dict.fromkeys(COLUMNS, "") | {"reviewer": "anna", "verdict": verdict, "answer": answer}
    pair = pd.DataFrame({"image_id": [image], "question": [question]})
    return row | {"qa_id": qa_ids(pair)[0], "new_answer": "blue" if verdict == "mend" else ""}


REVIEWS = pd.DataFrame(
    [
        _review("image00003", A[0][0], "red", "right"),
        _review("image00003", A[1][0], "four", "wrong"),
        _review("image00004", A[1][0], "four", "mend"),
        # Of model-b: another answer to the same question.
        _review("image00003", B[1][0], "three", "right"),
        _review("image00000", A[0][0], "red", "wrong"),
    ]
)


def test_figures_are_those_of_the_images_that_both_were_asked_about(asked):
    images, params, ledger = asked
    a = load_generator("model-a", images, params, (1.0, 10.0))
    b = load_generator("model-b", images, params, None)
    found = compare_generators(a, b, settle(REVIEWS))
    assert (len(a.images), len(b.images), found.images) == (10, 8, 8)
    first, second = found.first, found.second
    assert (first.without_pairs, first.pairs, first.kept) == (0, 32, share(24, 32))
    assert (second.without_pairs, second.pairs, second.kept) == (1, 21, share(14, 21))
    assert first.dropped == {"too_many_words": share(8, 32)} and second.dropped == {"none_like": share(7, 21)}
    assert first.question_types == {name: share(8, 24) for name in ("color", "count", "object")}
    assert first.question_words == pytest.approx((5 + 5 + 4) / 3) and first.answer_words == 1
    assert (first.distinct_questions, first.distinct_answers) == (share(3, 24), 3)
    assert first.yes_no == pytest.approx(1 / 3, abs=1e-6) and second.yes_no == 0
    # They ask alike about the colour, where they agree, and about the legs, where they do not.
    assert found.same_answer == share(7, 14)
    # Reviews of one do not count for the other, nor those of images that only one has.
    assert first.wrong == share(2, 3) and second.wrong == share(0, 1)
    common = {f"image{number:05d}" for number in range(2, 10)}
    entries = [entry for entry in ledger["model-a"] if entry.image in common]
    inputs, outputs = (
        sum(entry.input_tokens for entry in entries),
        sum(entry.output_tokens for entry in entries),
    )
    assert (first.input_tokens, first.output_tokens) == (inputs, outputs)
    assert first.dollars == pytest.approx((inputs + 10 * outputs) / 1e6)
    assert first.per_kept(first.dollars) == pytest.approx(first.dollars / 24)
    # Replies without pairs are paid for, too.
    assert second.output_tokens == sum(entry.output_tokens for entry in ledger["model-b"])
    assert len(ledger["model-b"]) == 9 and second.dollars is None


def test_a_file_of_recorded_pairs_is_a_generator_too(asked, keyed):
    images, params, _ = asked
    write_recorded(
        keyed / "llama.jsonl", {"image00003": [pair[:3] for pair in B], "elsewhere": [("Q?", "a")]}
    )
    found = compare_generators(
        load_generator("llama.jsonl", images, params, None),
        load_generator("model-a", images, params, None),
        {},
    )
    assert found.images == 1 and found.first.kept == share(2, 3) and found.first.input_tokens is None
    assert found.same_answer == share(1, 2) and found.first.wrong.value is None


def test_names_that_fit_none_or_several_are_answered_with_those_that_there_are(asked, keyed):
    images, params, _ = asked
    with pytest.raises(
        DataError, match="fits the replies of several settings: name one of 'model-a', 'model-b'"
    ):
        load_generator("varied-v1", images, params, None)
    with pytest.raises(DataError, match="no generator 'model-c'.* 'model-a', 'model-b'"):
        load_generator("model-c", images, params, None)
    with ModelServer(answer=_answers(A)) as server:
        other = make_params(server, model="model-a", prompt="graded-v1")
        generate_pairs(images[:1], other, COMPUTE, 1)
    with pytest.raises(DataError, match="'model-a varied-v1'.*'graded-v1'|'graded-v1'.*'model-a varied-v1'"):
        load_generator("model-a", images, params, None)
    assert len(load_generator("model-a varied-v1", images, params, None).images) == 10
    assert len(load_generator("graded-v1", images, params, None).images) == 1


def test_without_a_common_image_there_is_no_comparison(asked, keyed):
    images, params, _ = asked
    write_recorded(keyed / "llama.jsonl", {"image00000": [pair[:3] for pair in B]})
    sides = [load_generator(name, images, params, None) for name in ("llama.jsonl", "model-b")]
    with pytest.raises(DataError, match=r"llama.jsonl \(1 images\) and model-b \(8\) have no image"):
        compare_generators(*sides, {})


def test_the_command_prints_both(asked, vqatune, keyed, parameter_values):
    images, params, _ = asked
    generate = params.model_dump() | {
        name: f"data/unset/generate.{name}" for name in ("path", "prompt_file", "reviews")
    }
    write_sample(keyed, images, parameter_values, **generate | {"price": {"input": 1.0, "output": 10.0}})
    write_reviews(REVIEWS, keyed / "reviews.csv")
    done = vqatune("pairs", "--compare", "model-a", "model-b", "--price-a", "2", "20")
    assert done.status == 0, done.err
    assert "on the same 8 images" in done.out and "75.0 %, 57.9 to 86.7" in done.out
    assert "They ask alike in 14 pairs, and give the same answer in 7 (50.0 %, 26.8 to 73.2)." in done.out
    assert "66.7 %, 20.8 to 93.9 of 3" in done.out
    costs = next(line for line in done.out.splitlines() if "US dollars" in line)
    assert "–" not in costs
