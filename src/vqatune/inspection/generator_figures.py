"""Two generators on the same images, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.checks.cleaning import fold, map_distinct
from vqatune.generation.checks.duplicates import content_words
from vqatune.generation.checks.reviews import Key, Settled
from vqatune.generation.checks.tally import CheckTally
from vqatune.generation.client.usage import dollars
from vqatune.inspection.generators import Generator
from vqatune.inspection.shares import Share, share


@dataclass(frozen=True)
class GeneratorFigures:
    """What a generator gave about the images that both have."""

    name: str
    without_pairs: int
    """Images about which it gave no pair."""
    pairs: int
    kept: Share
    dropped: Mapping[str, Share]
    """By check, of all its pairs."""
    question_types: Mapping[str, Share]
    """Of its kept pairs."""
    question_words: float | None
    """The mean number of words of a kept question."""
    answer_words: float | None
    distinct_questions: Share
    distinct_answers: int
    yes_no: float | None
    """The share of kept pairs that are answered by yes or no, 0 to 1."""
    wrong: Share
    """Wrong or to be mended, of its kept pairs on which reviews are settled."""
    input_tokens: int | None
    output_tokens: int | None
    dollars: float | None

    def per_kept(self, amount: float | None) -> float | None:
        """Return an amount per kept pair; None where there is none."""
        return None if amount is None or not self.kept.count else amount / self.kept.count


@dataclass(frozen=True)
class Comparison:
    """Two generators on the `images` that both were asked about.

    They ask alike where a kept question of each, about one image, has the same words that carry meaning.
    """

    images: int
    first: GeneratorFigures
    second: GeneratorFigures
    same_answer: Share
    """Of the pairs in which they ask alike."""


def compare_generators(first: Generator, second: Generator, reviews: Mapping[Key, Settled]) -> Comparison:
    """Compare two generators; raises DataError where they have no image in common."""
    images = first.images.intersection(second.images)
    if images.empty:
        raise DataError(
            f"{first.name} ({len(first.images):,} images) and {second.name} ({len(second.images):,}) have no image of the "
            "sample in common: ask both about the same ones, as `vqatune pilot` does"
        )
    alike = _kept_by_meaning(first, images).merge(
        _kept_by_meaning(second, images), on=["image_id", "meaning"], suffixes=("_first", "_second")
    )
    same = int((alike["answer_first"] == alike["answer_second"]).sum())
    return Comparison(
        len(images),
        _figures(first, images, reviews),
        _figures(second, images, reviews),
        share(same, len(alike)),
    )


def _kept_by_meaning(generator: Generator, images: pd.Index) -> pd.DataFrame:
    """Return image_id, meaning (the content words of the question) and folded answer of the kept pairs."""
    checked = generator.checked
    kept = checked[checked["check"].isna() & checked["image_id"].isin(images)]
    questions = map_distinct(fold, kept["question"])
    meaning = [
        "\x1f".join(content_words(question, None if pd.isna(tag) else tag))
        for question, tag in zip(questions, kept["language"], strict=True)
    ]
    table = pd.DataFrame(
        {"image_id": kept["image_id"], "meaning": meaning, "answer": map_distinct(fold, kept["answer"])}
    )
    return table.drop_duplicates(["image_id", "meaning"])


def _figures(generator: Generator, images: pd.Index, reviews: Mapping[Key, Settled]) -> GeneratorFigures:
    checked = generator.checked[generator.checked["image_id"].isin(images)]
    tally = CheckTally()
    tally.add(checked)
    report = tally.report()
    kept = checked[checked["check"].isna()]
    pairs, count = len(checked), len(kept)
    texts = report["type_token_diversity"]
    spent = None
    if generator.tokens is not None:
        spent = generator.tokens[generator.tokens.index.isin(images)].sum()
    inputs, outputs = (
        (None, None) if spent is None else (int(spent["input_tokens"]), int(spent["output_tokens"]))
    )
    distinct = map_distinct(fold, kept["question"]).nunique()
    return GeneratorFigures(
        name=generator.name,
        without_pairs=len(images) - checked["image_id"].nunique(),
        pairs=pairs,
        kept=share(count, pairs),
        dropped={name: share(each, pairs) for name, each in report["dropped"].items() if each},
        question_types={name: share(each, count) for name, each in report["question_types"].items() if each},
        question_words=texts["questions"]["words"] / count if count else None,
        answer_words=texts["answers"]["words"] / count if count else None,
        distinct_questions=share(distinct, count),
        distinct_answers=report["distinct_answers"],
        yes_no=report["yes_no_share"],
        wrong=_wrong(kept, reviews),
        input_tokens=inputs,
        output_tokens=outputs,
        dollars=None if inputs is None or outputs is None else dollars(generator.price, inputs, outputs),
    )


def _wrong(kept: pd.DataFrame, reviews: Mapping[Key, Settled]) -> Share:
    answers = map_distinct(fold, kept["answer"])
    found = [reviews.get(key) for key in zip(kept["qa_id"], answers, strict=True)]
    verdicts = [each.verdict for each in found if each is not None]
    wrong = sum(verdict in ("wrong", "mend") for verdict in verdicts)
    return share(wrong, wrong + verdicts.count("right"))
