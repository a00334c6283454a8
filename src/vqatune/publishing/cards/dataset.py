"""The card of a published dataset: content, loading, how it was made, distribution, rights."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from vqatune.errors import DataError
from vqatune.evaluation.metrics.answer_kinds import YES_NO
from vqatune.evaluation.metrics.text import plain
from vqatune.publishing.cards.sections import Markdown, front_matter, markdown_table, stage_params
from vqatune.publishing.dataset import IMAGES_CONFIG, Split, Written
from vqatune.publishing.features import feature_list
from vqatune.publishing.rights import Rights, data_rights
from vqatune.report.markdown_text import code, inline
from vqatune.tables import PAIRS

_ANSWERS = 20
"""So many answers are shown."""

_INTRODUCTION = """\
Questions and answers of one word about the pictures of a product catalogue: {pairs:,} pairs about {images:,} images of
{types:,} product types. A row is an image, with the listing it belongs to and all that is asked about it.{sample}"""
_SAMPLE = " The pictures are drawn: it is a sample of the pipeline that made it, with no photograph in it."

_LOAD = """\
```python
from datasets import load_dataset

images = load_dataset("{repo}")  # a row an image, with its pairs; streaming=True reads it without a download
pairs = load_dataset("{repo}", "pairs")  # a row a pair, without pictures: image_id says which
print(images["train"][0]["image"], images["train"][0]["pairs"][0])
```"""

_COLUMNS = {
    "image_id": "the picture's name in the catalogue",
    "image": "the picture, its bytes as they are in the catalogue, and its path there",
    "item_id": "the listing that it belongs to; a listing may have several pictures",
    "product_type": "what kind of product it is, by the catalogue",
    "language": "the language of the listing",
    "metadata": "what the listing says, as JSON: field → list of values",
    "pairs": "a list of what is asked: `qa_id`, `question`, `answer`, `difficulty`, `question_type`, `generator`",
}
_PAIR_COLUMNS = {
    "qa_id": "the pair's name, which does not change when others are added",
    "question": "one question in words",
    "answer": "its answer, one word",
    "difficulty": "0 (easiest), 1, 2, 3 or 5 (hardest); null where whoever wrote the pair gave none",
    "question_type": "what is asked about: color, shape, count, … or other",
    "attribute": "what of the object is asked for, as whoever wrote the pair calls it, and else the question type",
    "task": "`general` for all",
    "generator": "who wrote the pair",
}
_PROVIDERS = {
    "template": "made from what the listings say, by templates; no model wrote them",
    "recorded": "taken from pairs that had been written before",
}


@dataclass(frozen=True)
class Origin:
    """How the pairs were made: the parameters that the stages ran with, and what generate reported."""

    raw: dict[str, Any]
    filter: dict[str, Any]
    sample: dict[str, Any]
    generate: dict[str, Any]
    split: dict[str, Any]
    report: dict[str, Any] | None
    """metrics/data/generate.json, where it is here."""


def gather_origin(root: Path) -> Origin:
    """Return how the dataset was made; raises DataError or ParameterError where what says so is damaged."""
    stages = ("raw", "filter", "sample", "generate", "split")
    path = root / "metrics" / "data" / "generate.json"
    try:
        report = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        if report is not None:
            # What the card tells of it.
            _ = report["pairs"], report["kept"], report["dropped"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path} is damaged ({error}): run `dvc repro generate`") from error
    return Origin(*(stage_params(root, stage, stage) for stage in stages), report=report)


def dataset_card(written: Written, origin: Origin, repo: str, data_license: str | None) -> str:
    """Return the card of a dataset's folder.

    Args:
        written: what the folder holds.
        origin: how it was made.
        repo: the repository of the hub that it is for.
        data_license: what whoever publishes it says of its licence, if anything.
    """
    rights = data_rights(origin.raw["source"], data_license)
    everything = pd.concat(written.tables.values())
    sections = [
        _front_matter(written, rights, everything, repo),
        f"# {repo.split('/')[1]}: questions about the pictures of a catalogue",
        _INTRODUCTION.format(
            pairs=len(everything),
            images=everything["image_id"].nunique(),
            types=everything["product_type"].nunique(),
            sample=_SAMPLE if origin.raw["source"] in ("showroom", "drawn_museum") else "",
        ),
        "## Load it",
        _LOAD.format(repo=repo),
        "## Columns",
        markdown_table(["`images`", "type", "what"], _column_rows(IMAGES_CONFIG, _COLUMNS)),
        markdown_table(["`pairs`", "type", "what"], _column_rows(PAIRS, _PAIR_COLUMNS | _COLUMNS)),
        "## Splits",
        _splits(written, origin),
        "## How it was made",
        *_how(origin),
        "## How it is spread",
        *_spread(written),
        "## Know its limits",
        _limits(everything, origin),
        "## Rights",
        rights.text + _writers_rights(origin),
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(written: Written, rights: Rights, everything: pd.DataFrame, repo: str) -> str:
    entries: dict[str, Any] = {"pretty_name": repo.split("/")[1]}
    if rights.license:
        entries["license"] = rights.license
    entries |= {
        "language": sorted({tag.split("_")[0] for tag in everything["language"].dropna().unique()}),
        "task_categories": ["visual-question-answering"],
        "tags": ["products", "vqatune"],
        "size_categories": [_size_category(sum(split.rows for split in written.images.values()))],
        "configs": [
            {
                "config_name": "images",
                "default": True,
                "data_files": [
                    {"split": split, "path": f"data/{split}-*.parquet"} for split in written.tables
                ],
            },
            {
                "config_name": "pairs",
                "data_files": [
                    {"split": split, "path": f"pairs/{split}.parquet"} for split in written.tables
                ],
            },
        ],
        "dataset_info": [
            _info("images", IMAGES_CONFIG, written.images),
            _info("pairs", PAIRS, written.pairs),
        ],
    }
    return front_matter(entries)


def _info(config: str, schema: pa.Schema, splits: dict[str, Split]) -> dict[str, Any]:
    return {
        "config_name": config,
        "features": feature_list(schema),
        "splits": [
            {"name": name, "num_bytes": split.num_bytes, "num_examples": split.rows}
            for name, split in splits.items()
        ],
        "download_size": sum(split.file_bytes for split in splits.values()),
        "dataset_size": sum(split.num_bytes for split in splits.values()),
    }


def _size_category(rows: int) -> str:
    """Return the hub's name for so many rows: n<1K, 1K<n<10K, …"""
    names = ["1K", "10K", "100K", "1M", "10M", "100M", "1B"]
    place = sum(rows >= 1000 * 10**power for power in range(len(names)))
    if place == 0:
        return f"n<{names[0]}"
    return f"{names[place - 1]}<n<{names[place]}" if place < len(names) else f"n>{names[-1]}"


def _column_rows(schema: pa.Schema, meanings: dict[str, str]) -> list[list[str]]:
    kinds = {"image": "image", "pairs": "list"}
    return [
        [
            Markdown(f"`{field.name}`"),
            kinds.get(field.name, str(field.type)),
            Markdown(meanings.get(field.name, "")),
        ]
        for field in schema
    ]


def _splits(written: Written, origin: Origin) -> str:
    units = {"product types": "product_type", "listings": "item_id", "images": "image_id", "pairs": "qa_id"}
    rows = [
        [split, *(f"{table[column].nunique():,}" for column in units.values())]
        for split, table in written.tables.items()
    ]
    if origin.split["by"] == "listing":
        rule = "All pictures of a listing are in one split: no product of another one was seen in training."
    else:
        rule = (
            "The splits are by picture: other pictures of a product may be in training, which makes the others easier than "
            "products never seen."
        )
    validation = ""
    if "validation" in written.tables:
        validation = f" and up to {origin.split['validation_fraction']:.0%} to the validation split"
    share = (
        f"Product types with more than {origin.split['minimum_images']} images gave up to "
        f"{origin.split['test_fraction']:.0%} of them to the test split{validation}; smaller ones are in training only."
    )
    return f"{markdown_table(['split', *units], rows)}\n\n{rule} {share}"


def _how(origin: Origin) -> list[str]:
    generate = origin.generate
    chosen = {"tiered": "fewer of the large product types", "random": "at random", "all": "all of them"}
    source = {
        "abo": "Amazon Berkeley Objects",
        "showroom": "a catalogue of drawn products",
        "drawn_museum": "a museum of drawn objects",
        "museum": "a museum's objects",
    }
    pictures = source.get(origin.raw["source"], "a catalogue")
    text = (
        f"By vqatune, a pipeline of tracked stages. The pictures are those of {pictures} whose listings "
        f"say something in {inline(', '.join(origin.filter['languages']))}, {chosen[origin.sample['strategy']]}. "
    )
    if (provider := generate["provider"]) in _PROVIDERS:
        text += f"The questions and answers were {_PROVIDERS[provider]}."
    else:
        text += (
            f"The questions and answers were written by the model {code(generate['model'])}"
            + (f" (revision {code(generate['revision'])})" if generate.get("revision") else "")
            + ", which saw each picture and what its listing says, by the prompt "
            + f"{code(Path(generate['prompt']).stem)} (provider {code(provider)})."
        )
    if origin.report is None:
        return [text]
    pairs, dropped = origin.report["pairs"], origin.report["dropped"]
    text += f" Every pair was then checked: of {pairs:,}, {origin.report['kept']:,} were kept."
    rows = [
        [name.replace("_", " "), f"{count:,}", f"{count / max(1, pairs):.2%}"]
        for name, count in dropped.items()
        if count
    ]
    if not rows:
        return [text + " No check dropped a pair."]
    return [text, markdown_table(["dropped by the check", "pairs", "share"], rows)]


def _spread(written: Written) -> list[str]:
    columns = {"question_type": None, "difficulty": None, "answer": _ANSWERS}
    tables = [_counts(written, column, most) for column, most in columns.items()]
    distinct = pd.concat([table["answer"] for table in written.tables.values()]).nunique()
    return [
        *tables,
        f"There are {distinct:,} distinct answers; the {min(_ANSWERS, distinct)} most frequent are shown.",
    ]


def _counts(written: Written, column: str, most: int | None) -> str:
    """Return a table of a column's values, with how many pairs of each split have them, in the order of that or of the value."""
    counts = pd.DataFrame({split: table[column].value_counts() for split, table in written.tables.items()})
    counts = counts.fillna(0).astype("int64").rename_axis("value").reset_index()
    counts["total"], counts["text"] = counts[list(written.tables)].sum(axis=1), counts["value"].astype(str)
    if column == "difficulty":
        counts = counts.sort_values("value")
    else:
        counts = counts.sort_values(["total", "text"], ascending=[False, True]).head(most or len(counts))
    rows = [
        [
            row["value"],
            *(f"{row[split]:,} ({row[split] / len(table):.1%})" for split, table in written.tables.items()),
        ]
        for row in counts.to_dict("records")
    ]
    return markdown_table([column.replace("_", " "), *written.tables], rows)


def _limits(everything: pd.DataFrame, origin: Origin) -> str:
    distinct = everything["answer"].unique()
    yes_no = everything["answer"].isin([text for text in distinct if plain(text) in YES_NO]).mean()
    lines = [
        "An answer is one word, and there is one reference for a question, where others may be right as well.",
        f"{yes_no:.0%} of the answers are yes or no.",
        "Pictures show products mostly on their own, before a plain background.",
        "A listing may say what its picture does not show, and be wrong.",
    ]
    provider = origin.generate["provider"]
    if provider == "template":
        lines.append("The questions have the few wordings of the templates.")
    else:
        lines.append(
            "No human has checked the pairs; a model that writes them makes mistakes, and has habits."
        )
    if missing := everything["difficulty"].isna().mean():
        lines.append(f"{missing:.0%} of the pairs have no difficulty.")
    return "\n".join(f"- {line}" for line in lines)


def _writers_rights(origin: Origin) -> str:
    if origin.generate["provider"] in _PROVIDERS:
        return ""
    return (
        f" The questions and answers were written by {code(origin.generate['model'])}; the terms of whoever offers that model "
        "may say what they may be used for."
    )
