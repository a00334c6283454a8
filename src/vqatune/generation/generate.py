"""The question-answer pairs of the sampled images: from a provider, through one set of checks, chunk by chunk."""

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.checks.checks import clean_and_check
from vqatune.generation.checks.reviews import Reviews, read_reviews, settle
from vqatune.generation.checks.tally import CheckTally
from vqatune.generation.sources.attribute_templates import attribute_pairs
from vqatune.generation.sources.language_files import code_of
from vqatune.generation.sources.pairs_of_images import pairs_of_images
from vqatune.generation.sources.recorded import read_recorded
from vqatune.generation.sources.template import template_pairs
from vqatune.params import ComputeParams, GenerateParams
from vqatune.runtime.progress import map_chunks
from vqatune.tables import CHECKED, PAIRS

IMAGES_PER_CHUNK = 2000

Chunks = Iterator[tuple[pd.DataFrame, pd.DataFrame]]
"""Images (rows of tables.SAMPLED) with their pairs, chunk by chunk, in the order of image_id."""


@dataclass(frozen=True)
class Generated:
    """The figures of a generation: `report` and `rates` of the checks, and a `summary` of requests and tokens.

    `reasons` says of each image that a model gave no pairs about why it did not.
    """

    report: dict[str, Any]
    rates: pd.DataFrame
    summary: dict[str, Any]
    reasons: dict[str, str]


@dataclass(frozen=True)
class PartFigures:
    """The figures of a part of the images, which add up."""

    images: int
    answered: int
    """Images with a pair that passes the checks."""
    checks: CheckTally


def generate(
    sampled: pd.DataFrame,
    params: GenerateParams,
    compute: ComputeParams,
    seed: int,
    keep: Callable[[pd.DataFrame], None],
    drop: Callable[[pd.DataFrame], None],
    pilot: bool = False,
) -> Generated:
    """Generate pairs for images in memory; pass those that pass the checks to `keep` and the others to `drop`.

    `sampled` has the columns of tables.SAMPLED, a row per image. `keep` and `drop` are called chunk by chunk, in the
    order of image_id and qa_id, with the columns of tables.PAIRS and tables.CHECKED. `generator` is 'template', the model's
    name, or the source that a recorded pair names ('recorded' where it names none). A `pilot` is about a part of the sample:
    neither images without a reply nor dropped pairs are an error there, however many.

    Raises DataError where no pair is left, the recorded pairs or the reviews cannot be read, or more than `params.max_failed` of the
    images have no reply; ParameterError where the model, its endpoint or the key is wrong.
    """
    images = sampled[in_shard(sampled["product_type"], params.shard)] if params.shard else sampled
    if params.shard and images.empty:
        raise no_image_in_shard(params.shard, sampled["product_type"].nunique())
    # Before anything is asked, as the file may be damaged.
    reviews = load_reviews(params)
    source = Source(params, compute, seed, pilot)
    if source.uses_model:
        chunks = source.model_chunks(images)
    elif params.provider == "recorded":
        pairs = source.read_recorded(images)
        chunks = recorded_chunks(in_chunks([images.sort_values("image_id")]), pairs)
    else:
        chunks = source.template_chunks(in_chunks([images.sort_values("image_id")]), len(images))
    figures = check_chunks(chunks, source.prompt, params, reviews, CheckTally(), keep, drop)
    unwritten = without_templates(images["language"].value_counts()) if params.provider == "template" else {}
    return conclude(source, figures, unwritten, reviews.report() if reviews else None)


def check_chunks(
    chunks: Chunks,
    prompt: str | None,
    params: GenerateParams,
    reviews: Reviews | None,
    tally: CheckTally,
    keep: Callable[[pd.DataFrame], None],
    drop: Callable[[pd.DataFrame], None],
) -> PartFigures:
    """Check the pairs of images chunk by chunk, count them in `tally`, and pass them to `keep` and `drop`."""
    images, answered = 0, 0
    for some_images, pairs in chunks:
        checked = clean_and_check(pairs, some_images, params.answer_words, reviews)
        checked = checked.assign(prompt=prompt)
        tally.add(checked)
        passed = checked["check"].isna()
        images += len(some_images)
        answered += int(checked.loc[passed, "image_id"].nunique())
        keep(checked.loc[passed, PAIRS.names])
        drop(checked.loc[~passed, CHECKED.names])
    return PartFigures(images, answered, tally)


def conclude(
    source: "Source", figures: PartFigures, unwritten: dict[str, int], reviews: dict[str, int] | None
) -> Generated:
    """Return the figures of all images; raises DataError where too few have pairs, or none is left."""
    params = source.params
    report = {
        "provider": params.provider,
        "prompt": source.prompt,
        "shard": params.shard,
        "images": figures.images,
        "images_with_pairs": figures.answered,
        "images_without_pairs": figures.images - figures.answered,
        "not_in_sample": source.not_in_sample,
        **figures.checks.report(),
        **source.replies(),
        **({"languages_without_templates": unwritten} if unwritten else {}),
        **({"reviews": reviews} if reviews else {}),
    }
    if not source.pilot:
        _check_failures(source.failed, figures.images, report.get("replies", {}), params)
        _check_some_left(report)
    summary = {**source.summary(figures.images), "pairs": report["pairs"], "kept": report["kept"]}
    return Generated(report, figures.checks.rates(), summary, source.reasons)


def generate_pairs(
    sampled: pd.DataFrame, params: GenerateParams, compute: ComputeParams, seed: int, pilot: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame, Generated]:
    """Return the pairs that pass the checks, those that do not, and their figures, all in memory."""
    kept: list[pd.DataFrame] = []
    dropped: list[pd.DataFrame] = []
    generated = generate(sampled, params, compute, seed, kept.append, dropped.append, pilot)
    return pd.concat(kept, ignore_index=True), pd.concat(dropped, ignore_index=True), generated


class Source:
    """The source of the pairs, and the figures that are known once its chunks have been taken."""

    def __init__(
        self, params: GenerateParams, compute: ComputeParams, seed: int, pilot: bool = False
    ) -> None:
        self.params, self._compute, self._seed = params, compute, seed
        self.pilot = pilot
        self._usage: Any = None
        self.uses_model = params.provider not in ("template", "recorded")
        # The name of an own prompt rather than its path, which differs between machines.
        self.prompt = Path(params.prompt).name.removesuffix(".md") if self.uses_model else None
        self.not_in_sample = 0
        """Recorded pairs of images outside of the sample."""

    def template_chunks(self, chunks: Iterable[pd.DataFrame], images: int) -> Chunks:
        """Yield images, given in the order of their ids and so many, with the pairs that templates make of their metadata."""
        waiting: deque[pd.DataFrame] = deque()

        def columns() -> Iterator[pd.DataFrame]:
            for chunk in chunks:
                waiting.append(chunk)
                yield chunk[["image_id", "product_type", "language", "metadata"]]

        make = partial(_template_chunk, seed=self._seed, attributes=self.params.attributes)
        for made in map_chunks(make, columns(), "making questions", -(-images // IMAGES_PER_CHUNK)):
            yield waiting.popleft(), made

    def model_chunks(self, images: pd.DataFrame) -> Chunks:
        """Yield images, with the pairs that the model gives."""
        # Imported here because a stage without a model starts faster without it.
        from vqatune.generation.client.model_pairs import model_pairs
        from vqatune.generation.client.usage import Usage

        self._usage = self._usage or Usage()
        return model_pairs(images, self.params, self._compute, self._usage, pilot=self.pilot)

    def read_recorded(self, images: pd.DataFrame) -> pd.DataFrame:
        """Return the recorded pairs of images (image_id and path), sorted by image_id; counts the others."""
        path = Path(self.params.path or "")
        recorded = read_recorded(path, self.params.columns)
        if recorded.empty:
            raise DataError(f"{path} holds no question-answer pair")
        pairs, self.not_in_sample = pairs_of_images(recorded, images)
        pairs = pairs.assign(source=pairs["source"].fillna("recorded"))
        return pairs.sort_values("image_id", kind="stable", ignore_index=True)

    @property
    def failed(self) -> int:
        """Images without a reply with pairs."""
        return self._usage.failed if self._usage else 0

    @property
    def reasons(self) -> dict[str, str]:
        """Why images have no pairs, by image_id, where they come from a model."""
        return self._usage.reasons if self._usage else {}

    def replies(self) -> dict[str, Any]:
        """Return images by kind of reply and replies by repair, where the pairs come from a model."""
        if not self._usage:
            return {}
        kinds, repairs = self._usage.kinds, self._usage.repairs
        return {"replies": dict(sorted(kinds.items())), "repairs": dict(sorted(repairs.items()))}

    def summary(self, images: int) -> dict[str, Any]:
        """Return what is asked of which model, and its usage."""
        summary: dict[str, Any] = {
            "provider": self.params.provider,
            "model": self.params.model if self._usage else None,
            "prompt": self.prompt,
            "images": images,
        }
        return summary | (self._usage.summary(self.params.price) if self._usage else {"requests": 0})


def recorded_chunks(chunks: Iterable[pd.DataFrame], pairs: pd.DataFrame) -> Chunks:
    """Yield images, given in the order of their ids, with their pairs, which are sorted by image_id."""
    for images in chunks:
        names = images["image_id"]
        begin, _ = pairs["image_id"].searchsorted([names.iloc[0], names.iloc[-1]])
        _, end = pairs["image_id"].searchsorted([names.iloc[0], names.iloc[-1]], side="right")
        yield images, pairs.iloc[begin:end]


def in_chunks(groups: Iterable[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    """Cut groups of images into chunks."""
    for group in groups:
        for start in range(0, len(group), IMAGES_PER_CHUNK):
            yield group.iloc[start : start + IMAGES_PER_CHUNK]


def load_reviews(params: GenerateParams) -> Reviews | None:
    """Return the settled reviews, None where there are none; raises DataError where they cannot be read."""
    return Reviews(settle(read_reviews(params.reviews))) if params.reviews else None


def no_image_in_shard(shard: str, types: int) -> DataError:
    """Return what is said of a shard without images."""
    return DataError(
        f"generate.shard {shard} has no image, as the sample has {types} product type(s): share the work among fewer"
    )


def _template_chunk(images: pd.DataFrame, seed: int, attributes: list[str]) -> pd.DataFrame:
    rows = []
    for image_id, product_type, language, metadata in images.itertuples(index=False):
        if (code := code_of(language)) is None:
            continue
        if attributes:
            pairs = attribute_pairs(json.loads(metadata), attributes, image_id, seed, code)
        else:
            pairs = template_pairs(json.loads(metadata), product_type, image_id, seed, code)
        rows += [(image_id, place, *astuple(pair)) for place, pair in enumerate(pairs)]
    texts = ["image_id", "question", "answer", "question_type", "attribute"]
    names = ["image_id", "place", "question", "answer", "difficulty", "question_type", "attribute"]
    made = pd.DataFrame(rows, columns=names).assign(source="template")
    return made.astype({"place": "int32", "difficulty": "Int8"} | dict.fromkeys(texts, "str"))


def without_templates(languages: Mapping[str, int]) -> dict[str, int]:
    """Return the images of each language that has no templates, by its tag, of the numbers of images by language."""
    return {tag: int(count) for tag, count in sorted(languages.items()) if code_of(tag) is None}


def languages_line(report: dict[str, Any]) -> str | None:
    """Return a line on the images in languages without templates, None where there are none."""
    unwritten = report.get("languages_without_templates")
    if not unwritten:
        return None
    total = sum(unwritten.values())
    named = ", ".join(
        f"{tag} {count:,}" for tag, count in sorted(unwritten.items(), key=lambda item: -item[1])
    )
    return (
        f"{total:,} of {report['images']:,} images have no pairs, as there are no templates in their language ({named}): "
        "docs/languages.md says how to add a file for one, or leave it out of filter.languages"
    )


def _check_failures(failed: int, images: int, kinds: dict[str, int], params: GenerateParams) -> None:
    # The tolerance is for products such as 0.29 · 100, which is less than 29 in floating point.
    if failed > params.max_failed * images + 1e-9:
        reasons = {kind: count for kind, count in kinds.items() if kind not in ("as_asked", "repaired")}
        most = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:4]
        raise DataError(
            f"{params.model} gave no pairs for {failed} of {images} images "
            f"({', '.join(f'{kind} {count}' for kind, count in most)}), more than generate.max_failed "
            f"({params.max_failed:g}) admits: .work/replies/set_aside.csv names them; all replies are kept, so mend the "
            "reason and have them asked about again with `vqatune replies retry`, or raise generate.max_failed"
        )


def _check_some_left(report: dict[str, Any]) -> None:
    if not report["kept"]:
        reasons = ", ".join(f"{name} {count}" for name, count in report["dropped"].items() if count)
        if (line := languages_line(report)) and not report["pairs"]:
            raise DataError(f"no question-answer pair is made: {line}")
        raise DataError(
            f"no question-answer pair is left of {report['pairs']} ({reasons or 'the provider gave none'}): look at "
            "generate.provider, and at the fields that filter.fields keeps"
        )


def in_shard(product_types: pd.Series, shard: str) -> pd.Series:
    """Return which images belong to the shard: bool, with the index of `product_types` (a value per image).

    `shard` is 'i/n', from 1/n to n/n. Product types, from the largest to the smallest, go to the shard with the fewest
    images so far (longest processing time first, Graham 1969), so that every image is in one of the n shards, which are
    as equal as the types allow, whatever the order of the rows.
    """
    return product_types.isin(types_of_shard(product_types.value_counts(), shard))


def types_of_shard(counts: Mapping[str, int], shard: str) -> set[str]:
    """Return the product types that belong to the shard, of the numbers of images by type."""
    number, of = map(int, shard.split("/"))
    loads = [0] * of
    mine = set()
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], str(item[0]))):
        least = loads.index(min(loads))
        loads[least] += int(count)
        if least == number - 1:
            mine.add(name)
    return mine
