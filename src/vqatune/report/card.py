"""The card of an exported version, in the form of the Hugging Face hub: data, parameters, scores, lineage, use."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from vqatune.errors import DataError
from vqatune.params import load_params
from vqatune.tables import BATCH, read_csv, read_table
from vqatune.training.state import Position

UNKNOWN = "–"

INTRODUCTION = (
    "A BLIP model for questions about a catalogue's pictures, tuned by LoRA in consecutive versions, each from the one "
    "before by one batch of question-answer pairs. This is {version}, with its adapter merged into the base model."
)

USE = """```python
import torch
from PIL import Image
from transformers import BlipForQuestionAnswering, BlipProcessor

folder = "."  # this folder, or its name on the hub
processor = BlipProcessor.from_pretrained(folder)
model = BlipForQuestionAnswering.from_pretrained(folder)
picture = Image.open("picture.jpg").convert("RGB")
inputs = processor(images=picture, text="what color is it?", return_tensors="pt")
with torch.inference_mode():
    answer = model.generate(**inputs, max_new_tokens=10)
print(processor.decode(answer[0], skip_special_tokens=True))
```

Ask one question at a time: in a batch, this model's `generate` takes the padding of shorter questions for words."""


def model_card(chain: list[Position], lora: dict, root: Path = Path()) -> str:
    """Return the card of a chain's last version; what is not known here is said to be unknown.

    Args:
        chain: where the chain stood after each version that is here, the exported one last.
        lora: the parameters that its adapter was made with.
        root: the repository, of which dvc.lock or params.yaml, data/batches, metrics/data and metrics are read.

    Raises:
        DataError: one of these files is damaged. ParameterError: params.yaml is needed, and is not valid.
    """
    version, recorded = chain[-1].version, _recorded(root / "dvc.lock")
    source = recorded.get("base", {}).get("model")
    source = source or load_params(root / "params.yaml").model.model_dump()
    train = recorded.get(f"train@{version}", {}).get("train")
    train = train or load_params(root / "params.yaml").train.model_dump()
    count = int(version[1:])
    batches = [_batch(root, number) for number in range(1, count + 1)]
    sections = [
        _front_matter(source),
        f"# BLIP tuned on a product catalogue: {version}",
        INTRODUCTION.format(version=version),
        "## Use",
        USE,
        "## Data",
        _data(batches),
        "## Parameters",
        "LoRA:",
        _table(["parameter", "value"], lora.items()),
        "Training of each version:",
        _table(["parameter", "value"], train.items()),
        "## Scores",
        _scores(root / "metrics", version),
        "## Lineage",
        f"The base model is {_base_name(source)}; SHA-256 of its configuration and weights: `{chain[-1].base}`.",
        _lineage(chain, batches),
    ]
    return "\n\n".join(sections) + "\n"


def _recorded(path: Path) -> dict[str, dict]:
    """The parameters that each stage last ran with, by dvc.lock: params.yaml may have been changed since."""
    if not path.exists():
        return {}
    try:
        stages = yaml.load(path.read_text(encoding="utf-8"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))[
            "stages"
        ]
        return {name: stage.get("params", {}).get("params.yaml", {}) for name, stage in stages.items()}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged: restore it with `git checkout {path.name}`") from error


def _front_matter(source: dict) -> str:
    entries: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "visual-question-answering",
        "tags": ["blip", "lora", "vqatune"],
    }
    if source["source"] == "hub":
        entries["base_model"] = source["name"]
    return f"---\n{yaml.safe_dump(entries, sort_keys=False)}---"


def _base_name(source: dict) -> str:
    if source["source"] == "hub":
        return f"`{source['name']}` at revision `{source['revision']}`"
    return {"showroom": "a tiny BLIP trained on drawn pictures", "random": "BLIP with random weights"}[
        source["source"]
    ]


def _batch(root: Path, number: int) -> dict[str, Any]:
    """What is known of a version's batch: `pairs` and `images`, repeats counted; its `rows` where they are here."""
    path = root / "data" / "batches" / f"{number:02}.parquet"
    if path.exists():
        columns = ["qa_id", "image_id", "copy", "product_type", "language", "generator"]
        rows = read_table(path, BATCH, columns)
        images = len(rows[["image_id", "copy"]].drop_duplicates())
        return {"pairs": len(rows), "images": images, "rows": rows}
    summary = root / "metrics" / "data" / "batches.csv"
    if summary.exists():
        counts = read_csv(summary).set_index("batch")
        if number in counts.index:
            return {name: int(counts.loc[number, name]) for name in ("pairs", "images")}
    return {}


def _data(batches: list[dict[str, Any]]) -> str:
    known = [batch for batch in batches if batch]
    if len(known) < len(batches):
        return "What the batches held is not known where this card was written."
    total = sum(batch["pairs"] for batch in known)
    shown = f"{len(known)} batch" + ("es" if len(known) > 1 else "")
    if not all("rows" in batch for batch in known):
        images = sum(batch["images"] for batch in known)
        return f"{total:,} question-answer pairs about {images:,} images, repeats counted, in {shown}."
    rows = pd.concat([batch["rows"] for batch in known])
    kinds = {name: ", ".join(sorted(rows[name].dropna().unique())) for name in ("language", "generator")}
    text = (
        f"{rows['qa_id'].nunique():,} question-answer pairs about {rows['image_id'].nunique():,} images of "
        f"{rows['product_type'].nunique():,} product types, in {shown}; language {kinds['language']}, "
        f"written by {kinds['generator']}."
    )
    if total > rows["qa_id"].nunique():
        text += f" Images of small product types are repeated, which makes {total:,} pairs to train on."
    return text


def _scores(metrics: Path, version: str) -> str:
    if not (metrics / f"{version}.json").exists():
        return "This version has not been measured where this card was written."
    scores = {
        name: _read_scores(metrics / f"{name}.json")
        for name in ("base", version)
        if (metrics / f"{name}.json").exists()
    }
    rows = ([name, *(column.get(name) for column in scores.values())] for name in scores[version])
    return "On the test set, whose images are in no batch:\n\n" + _table(["score", *scores], rows)


def _read_scores(path: Path) -> dict[str, Any]:
    try:
        scores = json.loads(path.read_text(encoding="utf-8"))
        return {name: value for name, value in scores.items() if not isinstance(value, dict | list)}
    except (ValueError, AttributeError) as error:
        raise DataError(f"{path} is not a version's scores ({error}): run its eval stage again") from error


def _lineage(chain: list[Position], batches: list[dict[str, Any]]) -> str:
    here = {position.version: position for position in chain}
    rows = []
    for number, batch in enumerate(batches, start=1):
        position = here.get(f"v{number}")
        rows.append(
            [
                f"v{number}",
                f"v{number - 1}" if number > 1 else "base",
                batch.get("images"),
                batch.get("pairs"),
                position and position.pairs_seen,
                position and position.step,
            ]
        )
    header = ["version", "tuned from", "images", "pairs", "pairs seen since v1 began", "steps since v1 began"]
    return _table(header, rows)


def _table(header: list[str], rows: Iterable[Iterable[Any]]) -> str:
    lines = [header, ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    if value is None:
        return UNKNOWN
    if isinstance(value, float):
        # Scores have more digits than they mean; a learning rate of 1e-4 must not become 0.
        return f"{value:.4g}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
