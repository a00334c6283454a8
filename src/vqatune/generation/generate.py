"""The question-answer pairs of the sampled images: from a provider, through one set of checks, part by part."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.checks.check_pairs import check_part
from vqatune.generation.checks.tally import CheckTally
from vqatune.generation.sources.recorded import match_images, read_recorded
from vqatune.generation.sources.template import template_pairs
from vqatune.params import ComputeParams, GenerateParams
from vqatune.runtime.progress import map_parts
from vqatune.tables import CHECKED, PAIRS

IMAGES_PER_PART = 4000

Parts = Iterator[tuple[pd.DataFrame, pd.DataFrame]]
"""Some images (rows of tables.SAMPLED) with the pairs that were given for them; the parts follow the image_id."""


@dataclass(frozen=True)
class Generated:
    """What is said about the pairs: `report` and `rates` of the checks, and a `summary` of what asking took."""

    report: dict[str, Any]
    rates: pd.DataFrame
    summary: dict[str, Any]


def generate(
    sampled: pd.DataFrame,
    params: GenerateParams,
    compute: ComputeParams,
    seed: int,
    keep: Callable[[pd.DataFrame], None],
    drop: Callable[[pd.DataFrame], None],
) -> Generated:
    """Have pairs made for the images, hand those that pass the checks to `keep` and the others to `drop`.

    `sampled` has the columns of tables.SAMPLED, one row an image. `keep` and `drop` are called with a part at a time,
    in the order of image_id and qa_id, with the columns of tables.PAIRS and tables.CHECKED; so a catalogue's pairs are
    never in memory together. `generator` is 'template', the model's name, or the source that a recorded pair names
    ('recorded' where it names none).

    Raises DataError where no pair is left, where the recorded pairs cannot be read, or where more than
    `params.max_failed` of the images are without a reply; ParameterError where the model cannot be asked.
    """
    images = sampled[in_shard(sampled["product_type"], params.shard)] if params.shard else sampled
    if params.shard and images.empty:
        types = sampled["product_type"].nunique()
        raise DataError(
            f"generate.shard {params.shard} has no image, as the sample has {types} product type(s): share the work "
            "among fewer"
        )
    source = _Source(images, params, compute, seed)
    tally, answered = CheckTally(), 0
    for some_images, pairs in source.parts():
        checked = check_part(pairs, some_images).assign(prompt=source.prompt)
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
        "not_in_sample": source.elsewhere,
        **tally.report(),
        **source.replies(),
    }
    _check_failures(source.failed, len(images), report.get("replies", {}), params)
    _check_some_left(report)
    return Generated(
        report, tally.rates(), {**source.summary(), "pairs": report["pairs"], "kept": report["kept"]}
    )


def generate_pairs(
    sampled: pd.DataFrame, params: GenerateParams, compute: ComputeParams, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, Generated]:
    """Return the pairs that pass the checks, those that do not, and what is said about them, all in memory."""
    kept: list[pd.DataFrame] = []
    dropped: list[pd.DataFrame] = []
    generated = generate(sampled, params, compute, seed, kept.append, dropped.append)
    return pd.concat(kept, ignore_index=True), pd.concat(dropped, ignore_index=True), generated


class _Source:
    """Where the pairs come from, and what is known of it once they have been taken."""

    def __init__(
        self, images: pd.DataFrame, params: GenerateParams, compute: ComputeParams, seed: int
    ) -> None:
        self._images, self._params, self._compute, self._seed = images, params, compute, seed
        self._outcome: Any = None
        asks = params.provider not in ("template", "recorded")
        # Of a prompt of one's own, the name and not the path, which is another elsewhere.
        self.prompt = Path(params.prompt).name.removesuffix(".md") if asks else None
        self.elsewhere = 0
        """Recorded pairs of images that are not in the sample."""

    def parts(self) -> Parts:
        if self._params.provider == "template":
            return _template_parts(self._images, self._seed)
        if self._params.provider == "recorded":
            return self._recorded_parts()
        # Here, because a stage that asks nobody starts faster without.
        from vqatune.generation.client.model_pairs import asked_parts
        from vqatune.generation.client.usage import Outcome

        self._outcome = Outcome()
        return asked_parts(self._images, self._params, self._compute, self._outcome)

    @property
    def failed(self) -> int:
        """Images without a reply that has pairs."""
        return self._outcome.failed if self._outcome else 0

    def replies(self) -> dict[str, Any]:
        """Return the images by kind of reply, and the replies by repair, where a model was asked."""
        if not self._outcome:
            return {}
        kinds, repairs = self._outcome.kinds, self._outcome.repairs
        return {"replies": dict(sorted(kinds.items())), "repairs": dict(sorted(repairs.items()))}

    def summary(self) -> dict[str, Any]:
        summary: dict[str, Any] = {
            "provider": self._params.provider,
            "model": self._params.model if self._outcome else None,
            "prompt": self.prompt,
            "images": len(self._images),
        }
        return summary | (self._outcome.summary(self._params.price) if self._outcome else {"requests": 0})

    def _recorded_parts(self) -> Parts:
        path = Path(self._params.path or "")
        recorded = read_recorded(path)
        if recorded.empty:
            raise DataError(f"{path} holds no question-answer pair")
        pairs = recorded.assign(image_id=match_images(recorded, self._images)).dropna(subset="image_id")
        self.elsewhere = len(recorded) - len(pairs)
        pairs = pairs.assign(source=pairs["source"].fillna("recorded"))
        pairs = pairs.sort_values("image_id", kind="stable", ignore_index=True)
        names = self._images["image_id"].sort_values()
        bounds = [*pairs["image_id"].searchsorted(names), len(pairs)]
        start = 0
        for images in _in_parts(self._images):
            yield images, pairs.iloc[bounds[start] : bounds[start + len(images)]]
            start += len(images)


def _in_parts(images: pd.DataFrame) -> list[pd.DataFrame]:
    images = images.sort_values("image_id")
    starts = range(0, len(images), IMAGES_PER_PART)
    return [images.iloc[start : start + IMAGES_PER_PART] for start in starts]


def _template_parts(images: pd.DataFrame, seed: int) -> Parts:
    parts = _in_parts(images)
    columns = [part[["image_id", "product_type", "metadata"]] for part in parts]
    made = map_parts(partial(_template_part, seed=seed), columns, "making questions")
    yield from zip(parts, made, strict=True)


def _template_part(images: pd.DataFrame, seed: int) -> pd.DataFrame:
    rows = [
        (image_id, place, pair.question, pair.answer, pair.difficulty, pair.question_type)
        for image_id, product_type, metadata in images.itertuples(index=False)
        for place, pair in enumerate(
            template_pairs(json.loads(metadata), product_type, image_id=image_id, seed=seed)
        )
    ]
    texts = ["image_id", "question", "answer", "question_type"]
    names = ["image_id", "place", "question", "answer", "difficulty", "question_type"]
    pairs = pd.DataFrame(rows, columns=names).assign(source="template")
    return pairs.astype({"place": "int32", "difficulty": "Int8"} | dict.fromkeys(texts, "str"))


def _check_failures(failed: int, images: int, kinds: dict[str, int], params: GenerateParams) -> None:
    # A hair more, as 0.29 · 100 is less than 29 in binary fractions.
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
        raise DataError(
            f"no question-answer pair is left of {report['pairs']} ({reasons or 'the provider gave none'}): look at "
            "generate.provider, and at the fields that filter.fields keeps"
        )


def in_shard(product_types: pd.Series, shard: str) -> pd.Series:
    """Return which images are the shard's (bool, with the index of `product_types`, one value an image).

    `shard` is 'i/n', from 1/n to n/n. From the largest type to the smallest, each goes to the shard that has the
    fewest images so far (Graham 1969, longest processing time first), so the n shards hold every image once and are
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
