"""The question-answer pairs of the sampled images: from a provider, through one set of checks, chunk by chunk."""

import json
from collections.abc import Callable, Iterator
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

IMAGES_PER_CHUNK = 4000

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


def generate(
    sampled: pd.DataFrame,
    params: GenerateParams,
    compute: ComputeParams,
    seed: int,
    keep: Callable[[pd.DataFrame], None],
    drop: Callable[[pd.DataFrame], None],
    pilot: bool = False,
) -> Generated:
    """Generate pairs for the images; pass those that pass the checks to `keep` and the others to `drop`.

    `sampled` has the columns of tables.SAMPLED, a row per image. `keep` and `drop` are called chunk by chunk, in the
    order of image_id and qa_id, with the columns of tables.PAIRS and tables.CHECKED, so that a catalogue's pairs are
    never in memory at once. `generator` is 'template', the model's name, or the source that a recorded pair names
    ('recorded' where it names none). A `pilot` is about a part of the sample: neither images without a reply nor dropped
    pairs are an error there, however many.

    Raises DataError where no pair is left, the recorded pairs or the reviews cannot be read, or more than `params.max_failed` of the
    images have no reply; ParameterError where the model, its endpoint or the key is wrong.
    """
    images = sampled[in_shard(sampled["product_type"], params.shard)] if params.shard else sampled
    if params.shard and images.empty:
        types = sampled["product_type"].nunique()
        raise DataError(
            f"generate.shard {params.shard} has no image, as the sample has {types} product type(s): share the work "
            "among fewer"
        )
    # Before anything is asked, as the file may be damaged.
    reviews = Reviews(settle(read_reviews(params.reviews))) if params.reviews else None
    source = _Source(images, params, compute, seed, pilot)
    tally, answered = CheckTally(), 0
    for some_images, pairs in source.chunks():
        checked = clean_and_check(pairs, some_images, params.answer_words, reviews)
        checked = checked.assign(prompt=source.prompt)
        tally.add(checked)
        passed = checked["check"].isna()
        answered += int(checked.loc[passed, "image_id"].nunique())
        keep(checked.loc[passed, PAIRS.names])
        drop(checked.loc[~passed, CHECKED.names])
    report = {
        "provider": params.provider,
        "prompt": source.prompt,
        "shard": params.shard,
        "images": len(images),
        "images_with_pairs": answered,
        "images_without_pairs": len(images) - answered,
        "not_in_sample": source.not_in_sample,
        **tally.report(),
        **source.replies(),
        **({"languages_without_templates": source.unwritten} if source.unwritten else {}),
        **({"reviews": reviews.report()} if reviews else {}),
    }
    if not pilot:
        _check_failures(source.failed, len(images), report.get("replies", {}), params)
        _check_some_left(report)
    summary = {**source.summary(), "pairs": report["pairs"], "kept": report["kept"]}
    return Generated(report, tally.rates(), summary, source.reasons)


def generate_pairs(
    sampled: pd.DataFrame, params: GenerateParams, compute: ComputeParams, seed: int, pilot: bool = False
) -> tuple[pd.DataFrame, pd.DataFrame, Generated]:
    """Return the pairs that pass the checks, those that do not, and their figures, all in memory."""
    kept: list[pd.DataFrame] = []
    dropped: list[pd.DataFrame] = []
    generated = generate(sampled, params, compute, seed, kept.append, dropped.append, pilot)
    return pd.concat(kept, ignore_index=True), pd.concat(dropped, ignore_index=True), generated


class _Source:
    """The source of the pairs, and the figures that are known once its chunks have been taken."""

    def __init__(
        self,
        images: pd.DataFrame,
        params: GenerateParams,
        compute: ComputeParams,
        seed: int,
        pilot: bool = False,
    ) -> None:
        self._images, self._params, self._compute, self._seed = images, params, compute, seed
        self._pilot = pilot
        self._usage: Any = None
        uses_model = params.provider not in ("template", "recorded")
        # The name of an own prompt rather than its path, which differs between machines.
        self.prompt = Path(params.prompt).name.removesuffix(".md") if uses_model else None
        self.not_in_sample = 0
        """Recorded pairs of images outside of the sample."""
        self.unwritten = _without_templates(images) if params.provider == "template" else {}
        """Images by language, of those in which there are no templates."""

    def chunks(self) -> Chunks:
        if self._params.provider == "template":
            return _template_chunks(self._images, self._seed, self._params.attributes)
        if self._params.provider == "recorded":
            return self._recorded_chunks()
        # Imported here because a stage without a model starts faster without it.
        from vqatune.generation.client.model_pairs import model_pairs
        from vqatune.generation.client.usage import Usage

        self._usage = Usage()
        return model_pairs(self._images, self._params, self._compute, self._usage, pilot=self._pilot)

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

    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = {
            "provider": self._params.provider,
            "model": self._params.model if self._usage else None,
            "prompt": self.prompt,
            "images": len(self._images),
        }
        return summary | (self._usage.summary(self._params.price) if self._usage else {"requests": 0})

    def _recorded_chunks(self) -> Chunks:
        path = Path(self._params.path or "")
        recorded = read_recorded(path, self._params.columns)
        if recorded.empty:
            raise DataError(f"{path} holds no question-answer pair")
        pairs, self.not_in_sample = pairs_of_images(recorded, self._images)
        pairs = pairs.assign(source=pairs["source"].fillna("recorded"))
        pairs = pairs.sort_values("image_id", kind="stable", ignore_index=True)
        names = self._images["image_id"].sort_values()
        bounds = [*pairs["image_id"].searchsorted(names), len(pairs)]
        start = 0
        for images in _in_chunks(self._images):
            yield images, pairs.iloc[bounds[start] : bounds[start + len(images)]]
            start += len(images)


def _in_chunks(images: pd.DataFrame) -> list[pd.DataFrame]:
    images = images.sort_values("image_id")
    starts = range(0, len(images), IMAGES_PER_CHUNK)
    return [images.iloc[start : start + IMAGES_PER_CHUNK] for start in starts]


def _template_chunks(images: pd.DataFrame, seed: int, attributes: list[str]) -> Chunks:
    chunks = _in_chunks(images)
    columns = [chunk[["image_id", "product_type", "language", "metadata"]] for chunk in chunks]
    made = map_chunks(partial(_template_chunk, seed=seed, attributes=attributes), columns, "making questions")
    yield from zip(chunks, made, strict=True)


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


def _without_templates(images: pd.DataFrame) -> dict[str, int]:
    """Return the images of each language that has no templates, by its tag."""
    counts = images["language"].value_counts()
    return {tag: int(count) for tag, count in sorted(counts.items()) if code_of(tag) is None}


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
    number, of = map(int, shard.split("/"))
    counts = product_types.value_counts()
    loads = [0] * of
    mine = set()
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], str(item[0]))):
        least = loads.index(min(loads))
        loads[least] += int(count)
        if least == number - 1:
            mine.add(name)
    return product_types.isin(mine)
