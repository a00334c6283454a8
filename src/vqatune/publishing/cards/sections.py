"""Sections that the cards of a version share: its data, parameters, scores and lineage."""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from vqatune.errors import DataError
from vqatune.evaluation.comparison.equal_metrics import equal_metrics, equality_sentences
from vqatune.models.family_lookup import model_type
from vqatune.models.quantization import WHOLE
from vqatune.params import BASE, BLIND, load_params
from vqatune.publishing.cards.families import FAMILY_CARDS
from vqatune.report.history import best_version
from vqatune.report.markdown_text import code, inline
from vqatune.tables import BATCH, read_csv, read_table
from vqatune.training.chain_state import ChainState

UNKNOWN = "–"
COUNTS = ("pairs", "images", "empty_predictions", "empty_references")
"""Counts beside the metrics in a version's scores."""


@dataclass(frozen=True)
class Facts:
    """The facts on a version."""

    chain: list[ChainState]
    """Where the chain stood after each version that is here, this one last."""
    lora: dict[str, Any]
    """The parameters that its adapter was made with."""
    base: dict[str, Any]
    """The parameters of the base model: the section `model`."""
    train: dict[str, Any]
    """The parameters that it was trained with."""
    compute: dict[str, Any]
    """What it was trained on, and in which precision: the section `compute`, or what of it decides the result."""
    batches: list[dict[str, Any]]
    """Of each batch up to its own: `pairs` and `images`, repeats counted, and its `rows` where they are here."""
    metrics: Path
    model_type: str
    """The family of its base model, as models.family names it."""

    @property
    def version(self) -> str:
        """Its name."""
        return self.chain[-1].version


def gather_facts(chain: list[ChainState], lora: dict[str, Any], root: Path) -> Facts:
    """Return the facts on a chain's last version, from dvc.lock or params.yaml, data/batches and metrics.

    Raises DataError where one of these files is damaged, ParameterError where params.yaml is needed and not valid.
    """
    version = chain[-1].version
    return Facts(
        chain,
        lora,
        base=stage_params(root, "base", "model"),
        train=stage_params(root, f"train@{version}", "train"),
        compute=stage_params(root, f"train@{version}", "compute"),
        batches=[_batch(root, number) for number in range(1, int(version[1:]) + 1)],
        metrics=root / "metrics",
        model_type=model_type(root / "models" / version, of_processor=True),
    )


def stage_params(root: Path, stage: str, section: str) -> dict[str, Any]:
    """Return the parameters of a section that a stage last ran with, by dvc.lock: params.yaml may have been changed since.

    Where dvc.lock does not know the stage they are those of params.yaml. Raises as `gather_facts`.
    """
    ran = _recorded(root / "dvc.lock").get(stage, {})
    named = {
        key.removeprefix(f"{section}."): value for key, value in ran.items() if key.startswith(f"{section}.")
    }
    if recorded := ran.get(section) or named:
        return recorded
    return getattr(load_params(root / "params.yaml"), section).model_dump()


def _recorded(path: Path) -> dict[str, dict]:
    if not path.exists():
        return {}
    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        stages = yaml.load(path.read_text(encoding="utf-8"), loader)["stages"]
        return {name: stage.get("params", {}).get("params.yaml", {}) for name, stage in stages.items()}
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged: restore it with `git checkout {path.name}`") from error


def _batch(root: Path, number: int) -> dict[str, Any]:
    path = root / "data" / "batches" / f"{number:02}.parquet"
    if path.exists():
        columns = ["qa_id", "image_id", "copy", "product_type", "language", "generator"]
        rows = read_table(path, BATCH, columns)
        images = len(rows[["image_id", "copy"]].drop_duplicates())
        return {"pairs": len(rows), "images": images, "rows": rows}
    summary = root / "metrics" / "data" / "batches.csv"
    if summary.exists():
        counts = read_csv(summary, "batch", "pairs", "images").set_index("batch")
        if number in counts.index:
            return {name: int(counts.loc[number, name]) for name in ("pairs", "images")}
    return {}


def front_matter(entries: Mapping[str, Any]) -> str:
    """Return the YAML that the hub reads at the top of a card."""
    return f"---\n{yaml.safe_dump(dict(entries), sort_keys=False, allow_unicode=True)}---"


def is_on_hub(base: Mapping[str, Any]) -> bool:
    """Return whether the base model (the section `model`) is one that anybody can load by its name and revision."""
    name = base["name"]
    # The name may also be the path of a folder.
    named = re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", name) is not None and not Path(name).exists()
    revision = base["revision"] is not None and re.fullmatch(r"[\w./-]+", base["revision"]) is not None
    return base["source"] == "hub" and revision and named


def base_name(facts: Facts) -> str:
    """Return a description of the base model, as a part of a sentence."""
    base, family = facts.base, FAMILY_CARDS[facts.model_type].name
    if is_on_hub(base):
        return f"{code(base['name'])} at revision {code(base['revision'])}"
    return {
        "hub": "a checkpoint that is not on the hub",
        "showroom": f"a tiny {family} trained on drawn pictures",
        "tiny": f"a tiny {family} trained on drawn pictures",
        "random": f"{family} with random weights",
    }[base["source"]]


def describe_data(batches: list[dict[str, Any]]) -> str:
    """Return in a sentence or two what batches (Facts.batches) held."""
    known = [batch for batch in batches if batch]
    if len(known) < len(batches):
        return "What the batches held is not known where this card was written."
    total = sum(batch["pairs"] for batch in known)
    shown = f"{len(known)} batch" + ("es" if len(known) > 1 else "")
    if not all("rows" in batch for batch in known):
        images = sum(batch["images"] for batch in known)
        return f"{total:,} question-answer pairs about {images:,} images, repeats counted, in {shown}."
    rows = pd.concat([batch["rows"] for batch in known])
    kinds = {
        name: inline(", ".join(sorted(rows[name].dropna().unique()))) for name in ("language", "generator")
    }
    text = (
        f"{rows['qa_id'].nunique():,} question-answer pairs about {rows['image_id'].nunique():,} images of "
        f"{rows['product_type'].nunique():,} product types, in {shown}; language {kinds['language']}, "
        f"written by {kinds['generator']}."
    )
    if total > rows["qa_id"].nunique():
        text += f" Images of small product types are repeated, which makes {total:,} pairs to train on."
    return text


def parameter_sections(facts: Facts) -> list[str]:
    """Return the paragraphs and tables of the parameters."""
    # A dvc.lock of before does not know it.
    quantization = facts.compute.get("quantization", WHOLE)
    quantized = (
        f"It was tuned (QLoRA) and measured on a base model whose linear layers bitsandbytes had quantized to {quantization}; "
        "its matrices are in float32. On the whole base model its scores may differ."
    )
    return [
        *([] if quantization == WHOLE else [quantized]),
        "LoRA:",
        markdown_table(["parameter", "value"], facts.lora.items()),
        "Training of each version:",
        markdown_table(["parameter", "value"], facts.train.items()),
    ]


def score_section(facts: Facts) -> str:
    """Return the scores of the blind guess, the base model and the version, side by side, with 95 % intervals where they are known.

    Of scores that are equal in all of them it has the first.

    Raises DataError where a file of scores is damaged.
    """
    if not (facts.metrics / f"{facts.version}.json").exists():
        return "This version has not been measured where this card was written."
    names = [name for name in (BLIND, BASE, facts.version) if (facts.metrics / f"{name}.json").exists()]
    columns = {name: _scores_and_intervals(facts.metrics, name) for name in names}
    values = pd.DataFrame({name: read_scores(facts.metrics, name) for name in names}, dtype=float)
    groups = equal_metrics(values.loc[[name for name in columns[facts.version] if name not in COUNTS]])
    rows = (
        [metric, *(column.get(metric) for column in columns.values())]
        for metric in columns[facts.version]
        if metric in groups or metric in COUNTS
    )
    text = "On the test set, whose images are in no batch"
    if any((facts.metrics / "intervals" / f"{name}.csv").exists() for name in names):
        text += "; in brackets the 95 % interval, by drawing the test images again"
    table = markdown_table(["score", *names], rows)
    return "\n\n".join([f"{text}:", table, *equality_sentences(groups), *_chosen(facts)])


def _chosen(facts: Facts) -> list[str]:
    """Return the sentence on the version that the validation set chooses, where metrics/history.csv knows it."""
    path = facts.metrics / "history.csv"
    if not path.exists():
        return []
    best = best_version(read_csv(path, "version", remedy="run `dvc repro -s -f report`"))
    if best is None:
        return []
    which = "this version" if best.version == facts.version else f"`{best.version}`"
    sentence = (
        f"Of the chain, {which} is the best by `{best.metric}` on the validation set, {best.pairs:,} other questions that "
        f"no version was trained on: {best.value:.4g}."
    )
    return [sentence]


def read_scores(metrics: Path, version: str) -> dict[str, Any]:
    """Return a version's scores and counts by name; raises DataError where the file is damaged."""
    path = metrics / f"{version}.json"
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
        scores = {name: value for name, value in scores.items() if not isinstance(value, dict | list)}
    except (ValueError, AttributeError) as error:
        raise DataError(f"{path} is not a version's scores ({error}): run its eval stage again") from error
    for name, value in scores.items():
        if value is not None and not (isinstance(value, int | float) and math.isfinite(value)):
            raise DataError(
                f"{path} is not a version's scores ({name} is {value!r}): run its eval stage again"
            )
    return scores


def _scores_and_intervals(metrics: Path, version: str) -> dict[str, Any]:
    scores, path = read_scores(metrics, version), metrics / "intervals" / f"{version}.csv"
    if not path.exists():
        return scores
    table = read_csv(path, "metric", "low", "high", remedy="run its eval stage again")
    ends = table.set_index("metric")[["low", "high"]].dropna()
    return {
        name: f"{value:.4g} ({ends.loc[name, 'low']:.4g} … {ends.loc[name, 'high']:.4g})"
        if name in ends.index and value is not None
        else value
        for name, value in scores.items()
    }


def lineage_section(facts: Facts) -> str:
    """Return a description of the base model, and a table of the versions: their predecessors and their data."""
    here = {position.version: position for position in facts.chain}
    rows = []
    for number, batch in enumerate(facts.batches, start=1):
        name = f"v{number}"
        position = here.get(name)
        measured = (facts.metrics / f"{name}.json").exists()
        rows.append(
            [
                name,
                f"v{number - 1}" if number > 1 else "base",
                batch.get("images"),
                batch.get("pairs"),
                position and position.pairs_seen,
                position and position.step,
                read_scores(facts.metrics, name).get("exact_match") if measured else None,
            ]
        )
    header = ["version", "tuned from", "images", "pairs", "pairs seen since v1 began", "steps since v1 began"]
    return (
        f"The base model is {base_name(facts)}; SHA-256 of its configuration and weights: "
        f"{code(facts.chain[-1].base)}.\n\n{markdown_table([*header, 'exact match'], rows)}"
    )


class Markdown(str):
    """Text of a table's cell that is Markdown already."""


def markdown_table(header: list[str], rows: Iterable[Iterable[Any]]) -> str:
    """Return a table; a missing value is a dash, a fraction has four digits, a list is joined by commas, text is text."""
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, float):
        # Scores have more digits than they mean; a learning rate of 1e-4 must not become 0.
        return f"{value:.4g}"
    if isinstance(value, Markdown):
        return value
    return inline(", ".join(map(str, value)) if isinstance(value, list) else value)
