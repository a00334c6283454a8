"""The question-answer pairs of a table of sampled images, part by part, so that memory does not grow with the table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from vqatune.errors import ParameterError
from vqatune.generation.checks.tally import CheckTally
from vqatune.generation.generate import (
    Generated,
    PartFigures,
    check_chunks,
    conclude,
    load_reviews,
    no_image_in_shard,
    types_of_shard,
    without_templates,
)
from vqatune.generation.pair_source import Chunks, PairSource, in_chunks, recorded_chunks
from vqatune.params import ComputeParams, GenerateParams
from vqatune.runtime.parts import in_job_array, map_parts, stop_here_in_job_array
from vqatune.tables import (
    CHECKED,
    PAIRS,
    SAMPLED,
    PartFiles,
    count_rows,
    link_or_copy,
    parts_of,
    read_bucket,
    read_groups,
    replacing_parts,
    sorted_groups,
    table_parts,
    writing_buckets,
    writing_table,
)
from vqatune.tables.files import to_frame

_ROWS = 20_000

_RECORDED = pa.schema(
    {
        "image_id": pa.string(),
        "path": pa.string(),
        "place": pa.int32(),
        "question": pa.string(),
        "answer": pa.string(),
        "difficulty": pa.int8(),
        "question_type": pa.string(),
        "attribute": pa.string(),
        "source": pa.string(),
    }
)
"""A recorded pair of an image, as `sources.recorded` reads it."""


@dataclass(frozen=True)
class Job:
    """What is generated for the images of a table, whichever its part."""

    parts: Sequence[Path]
    types: frozenset[str] | None
    """The product types of generate.shard; None: all."""
    params: GenerateParams
    compute: ComputeParams
    seed: int
    files: PartFiles


def generate_table(
    sampled: Path | str,
    qa: Path | str,
    dropped: Path | str,
    params: GenerateParams,
    compute: ComputeParams,
    seed: int,
    work: Path,
) -> Generated:
    """Generate pairs for the images of a table, and write those that pass the checks, and the others, into two tables.

    As `generate` does. Templates and recorded pairs are worked through in parts, in several processes where there are
    several parts, and a table of one part some thousand images at a time. A model is asked about one part after the other.

    Args:
        sampled: tables.SAMPLED, sorted by image_id.
        qa: tables.PAIRS, to be written, of as many parts.
        dropped: tables.CHECKED, to be written, of as many parts.
        params: the source of the pairs.
        compute: what a model in this process runs on, and the executor of the parts.
        seed: of the templates' choices.
        work: a folder for what is not done yet; work that it holds is gone on with.

    Raises DataError and ParameterError as `generate` does, and DataError where the table is not sorted.
    """
    parts = table_parts(sampled)
    # Before anything is asked, as the file may be damaged.
    reviews = load_reviews(params)
    types, languages = _count_images(parts, params.shard)
    job = Job(parts, types, params, compute, seed, PartFiles(work, len(parts)))
    source = PairSource(params, compute, seed)
    if source.uses_model:
        if in_job_array():
            raise ParameterError(
                f"generate.provider {params.provider} is asked by one process, which keeps to its limits: run the stage without "
                "--part, and share the work by generate.shard"
            )
        tallies = [_ask_model(part, job, source) for part in range(len(parts))]
    else:
        if params.provider == "recorded":
            _deal_recorded(job, source)
        tallies = map_parts(
            partial(_generate_part, job=job), len(parts), work / "done", "making questions", compute.executor
        )
    figures = PartFigures(
        sum(tally["images"] for tally in tallies),
        sum(tally["answered"] for tally in tallies),
        CheckTally.of_states([tally["checks"] for tally in tallies]),
    )
    unwritten = without_templates(languages) if params.provider == "template" else {}
    found = _add_reviews([tally["reviews"] for tally in tallies]) if reviews else None
    generated = conclude(source, figures, unwritten, found)
    stop_here_in_job_array()
    for kind, table in (("qa", qa), ("dropped", dropped)):
        with replacing_parts(table, len(parts)) as target:
            for part in range(len(parts)):
                link_or_copy(job.files.of(kind, part), target(part))
    return generated


def _count_images(parts: Sequence[Path], shard: str | None) -> tuple[frozenset[str] | None, Counter[str]]:
    """Return the product types of the shard, and the number of its images by language."""
    counts: Counter[tuple[str, str]] = Counter()
    for part in parts:
        for group in read_groups(part, SAMPLED, ["product_type", "language"]):
            counts.update(group.value_counts(["product_type", "language"]).to_dict())
    by_type, languages = Counter[str](), Counter[str]()
    for (product_type, _), count in counts.items():
        by_type[product_type] += count
    types = frozenset(types_of_shard(by_type, shard)) if shard else None
    if types is not None and not types:
        raise no_image_in_shard(shard or "", len(by_type))
    for (product_type, language), count in counts.items():
        if types is None or product_type in types:
            languages[language] += count
    return types, languages


def _images(part: int, job: Job, columns: list[str] | None = None) -> Iterator[pd.DataFrame]:
    """Yield the images of a part, of the shard's product types, in the order of their ids."""
    wanted = columns and list({"image_id": 0, "product_type": 0} | dict.fromkeys(columns))
    for group in sorted_groups(job.parts[part], SAMPLED, ["image_id"], wanted):
        images = group if job.types is None else group[group["product_type"].isin(job.types)]
        if len(images):
            yield images


def _deal_recorded(job: Job, source: PairSource) -> None:
    """Write the recorded pairs into a file of buckets, one for each part."""
    columns = ["image_id", "path"]
    images = [group[columns] for part in range(len(job.parts)) for group in _images(part, job, columns)]
    pairs = source.read_recorded(pd.concat(images, ignore_index=True))
    with writing_buckets(job.files.of("recorded", 0), _RECORDED, len(job.parts)) as write:
        for start in range(0, len(pairs), _ROWS):
            some = pairs.iloc[start : start + _ROWS]
            write(some, parts_of(some["image_id"], len(job.parts)))


def _generate_part(part: int, job: Job) -> dict[str, Any]:
    """Write the pairs of a part by templates, or those that were recorded."""
    source, chunks = PairSource(job.params, job.compute, job.seed), in_chunks(_images(part, job))
    if job.params.provider == "recorded":
        pairs = read_bucket([job.files.of("recorded", 0)], _RECORDED, part, len(job.parts))
        return _write_checked(part, job, recorded_chunks(chunks, pairs), source.prompt)
    return _write_checked(
        part, job, source.template_chunks(chunks, count_rows(job.parts[part])), source.prompt
    )


def _ask_model(part: int, job: Job, source: PairSource) -> dict[str, Any]:
    """Write the pairs of a part that a model gives."""
    # Of no images, too.
    images = pd.concat([to_frame(SAMPLED.empty_table()), *_images(part, job)])
    return _write_checked(part, job, source.model_chunks(images), source.prompt)


def _write_checked(part: int, job: Job, chunks: Chunks, prompt: str | None) -> dict[str, Any]:
    reviews = load_reviews(job.params)
    counts = job.files.of("counts", part)
    with (
        writing_table(job.files.of("qa", part), PAIRS) as keep,
        writing_table(job.files.of("dropped", part), CHECKED) as drop,
    ):
        figures = check_chunks(chunks, prompt, job.params, reviews, CheckTally(counts), keep, drop)
    return {
        "images": figures.images,
        "answered": figures.answered,
        "checks": figures.checks.state(),
        "reviews": reviews.report() if reviews else None,
    }


def _add_reviews(reports: Sequence[dict[str, int]]) -> dict[str, int]:
    """Return the report of all parts: a reviewed pair is of one of them, all were looked for in each."""
    return {
        name: reports[0][name] if name == "pairs" else sum(report[name] for report in reports)
        for name in reports[0]
    }
