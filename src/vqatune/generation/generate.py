"""The question-answer pairs of the sampled images: from a provider, through one set of checks, chunk by chunk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.checks.checks import clean_and_check
from vqatune.generation.checks.reviews import Reviews, read_reviews, settle
from vqatune.generation.checks.tally import CheckTally
from vqatune.generation.pair_source import Chunks, PairSource, in_chunks, recorded_chunks
from vqatune.generation.sources.language_files import code_of
from vqatune.params import ComputeParams, GenerateParams
from vqatune.tables import CHECKED, PAIRS


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
    source = PairSource(params, compute, seed, pilot)
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
    source: PairSource, figures: PartFigures, unwritten: dict[str, int], reviews: dict[str, int] | None
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


def load_reviews(params: GenerateParams) -> Reviews | None:
    """Return the settled reviews, None where there are none; raises DataError where they cannot be read."""
    return Reviews(settle(read_reviews(params.reviews))) if params.reviews else None


def no_image_in_shard(shard: str, types: int) -> DataError:
    """Return what is said of a shard without images."""
    return DataError(
        f"generate.shard {shard} has no image, as the sample has {types} product type(s): share the work among fewer"
    )


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
