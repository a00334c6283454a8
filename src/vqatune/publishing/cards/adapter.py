"""The card of a published adapter: description, use, scores and limits, training."""

from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.scoring.slices import SMALLEST_SLICE
from vqatune.publishing.cards.families import FAMILY_CARDS
from vqatune.publishing.cards.sections import (
    COUNTS,
    Facts,
    base_name,
    describe_data,
    front_matter,
    is_on_hub,
    lineage_section,
    parameter_sections,
    read_scores,
    score_section,
)
from vqatune.publishing.request import Request
from vqatune.publishing.rights import model_rights
from vqatune.report.markdown_text import inline
from vqatune.tables import read_csv

_WEAKEST = 3
_SLICES = {"question_type": "questions about", "difficulty": "difficulty", "product_type": "product type"}

_INTRODUCTION = """\
A LoRA adapter that has {family} answer questions about the pictures of a catalogue in a word: what a product is, its color,
shape, pattern, material, how many there are, and the like. It was tuned in consecutive versions, each from the one before
by one batch of question-answer pairs; this is {version}, on {base}."""

_USE = """\
```python
import torch
from peft import PeftModel
from PIL import Image
from transformers import {family.model_class}, {family.processor_class}

adapter = "{repo}"  # or the path of this folder
base = {family.model_class}.from_pretrained({base})
model = PeftModel.from_pretrained(base, adapter).eval()
processor = {family.processor_class}.from_pretrained(adapter)
{family.ask}
```"""

_SAMPLE = (
    "It is a sample of the pipeline, not a model for photographs: its base is small, and "
    "knows drawn pictures only."
)
_METRICS = """\
`exact_match` is the share of answers that are the reference's word. `blind` is a guess without the image, the most
frequent answer to the question in training; `skill` is how far an exact match is from that guess (0) to always being right
(1). A perfect answer of one word has 1 in every score of words and meanings but `bleu` (0.178) and `meteor` (0.5).
`average_mark` counts hard questions for more; the `yes_no` scores are of the questions whose answer is yes or no, and
`yes_share` is how often yes is said; `grounding` is how often an answer is more probable under its own picture than under
another (0.5 without looking), and `vccs` is that of right answers only; `bertscore`, `sbert_cosine`, `bartscore` and `wups`
compare meanings, by models that other tables may not have used."""
_PROCESSOR = "Take the processor from here, not the base model's: it makes questions as this adapter was trained with them."
_OWN_BASE = "The base model is on no hub; it is here, in the folder `base`."


def adapter_card(facts: Facts, request: Request, commit: str | None) -> str:
    """Return the card; what is not known is said to be unknown.

    Args:
        facts: of the version.
        request: what is published, where.
        commit: of the repository (request.git_commit), if known.

    Raises:
        DataError: a file of scores is damaged.
    """
    on_hub, family = is_on_hub(facts.base), FAMILY_CARDS[facts.model_type]
    rights = model_rights(facts.base, on_hub)
    sections = [
        _front_matter(facts, request, rights.license),
        f"# {family.name} tuned on a product catalogue: {facts.version}, a LoRA adapter",
        _INTRODUCTION.format(family=family.name, version=facts.version, base=base_name(facts)),
        *([_SAMPLE] if facts.base["source"] in ("showroom", "tiny") else []),
        "## Use",
        _USE.format(repo=request.repo, base=_load_base(facts.base, on_hub), family=family),
        _PROCESSOR if on_hub else f"{_OWN_BASE} {_PROCESSOR}",
        family.hint,
        "## Scores",
        score_section(facts),
        *([_METRICS] if _is_measured(facts) else []),
        "## Where it is weak",
        *_limits(facts),
        "## Data",
        describe_data(facts.batches),
        *(
            [f"They are in the dataset [{request.dataset}]({_dataset_url(request.dataset)})."]
            if request.dataset
            else []
        ),
        "## How it was made",
        "By vqatune, a pipeline of tracked stages."
        + (f" The repository was at commit {commit}." if commit else ""),
        *parameter_sections(facts),
        "## Lineage",
        lineage_section(facts),
        "## Files",
        _files(facts, request, on_hub),
        "## Rights",
        rights.text,
    ]
    return "\n\n".join(sections) + "\n"


def _is_measured(facts: Facts) -> bool:
    return (facts.metrics / f"{facts.version}.json").exists()


def _dataset_url(name: str) -> str:
    return f"https://huggingface.co/datasets/{name}"


def _load_base(base: dict[str, Any], on_hub: bool) -> str:
    if on_hub:
        return f'"{base["name"]}", revision="{base["revision"]}"'
    return 'adapter, subfolder="base"'


def _front_matter(facts: Facts, request: Request, license_name: str | None) -> str:
    entries: dict[str, Any] = {"library_name": "peft"}
    if is_on_hub(facts.base):
        entries |= {"base_model": facts.base["name"], "base_model_relation": "adapter"}
    entries |= {"pipeline_tag": "visual-question-answering", "tags": [facts.model_type, "lora", "vqatune"]}
    if languages := _languages(facts):
        entries["language"] = languages
    if license_name:
        entries["license"] = license_name
    if request.dataset:
        entries["datasets"] = [request.dataset]
    if results := _results(facts, request):
        entries["model-index"] = [{"name": request.repo.split("/")[1], "results": results}]
    return front_matter(entries)


def _languages(facts: Facts) -> list[str]:
    known = [batch["rows"]["language"] for batch in facts.batches if "rows" in batch]
    tags = pd.concat(known).dropna().unique() if known else []
    return sorted({tag.replace("-", "_").split("_")[0] for tag in tags})


def _results(facts: Facts, request: Request) -> list[dict[str, Any]]:
    if not _is_measured(facts):
        return []
    scores = read_scores(facts.metrics, facts.version)
    metrics = [
        {"type": name, "name": name.replace("_", " "), "value": round(value, 4)}
        for name, value in scores.items()
        if name not in COUNTS and value is not None
    ]
    name = request.dataset or "the test set of its catalogue"
    dataset = {"type": request.dataset or "custom", "name": name, "config": "images", "split": "test"}
    task = {"type": "visual-question-answering", "name": "Visual Question Answering"}
    return [{"task": task, "dataset": dataset, "metrics": metrics}]


def _limits(facts: Facts) -> list[str]:
    general = (
        "It was taught answers of one word, about pictures of products on their own, in the words of the questions of its "
        "dataset: expect little of long answers, of scenes, of text in a picture, and of other languages. It answers "
        "whatever it is asked, also what the picture does not show."
    )
    path = facts.metrics / "by" / f"{facts.version}.csv"
    if not path.exists():
        return [general, "Where it fails most has not been measured where this card was written."]
    weakest = _weakest(path)
    if not weakest:
        return [general]
    return [
        general,
        f"Right answers (exact match) are rarest, of slices with {SMALLEST_SLICE} pairs or more, for",
        weakest,
    ]


def _weakest(path: Path) -> str:
    try:
        by = read_csv(path)
        by = by[(by["pairs"] >= SMALLEST_SLICE) & by["exact_match"].notna()]
        by = by.sort_values(["exact_match", "pairs", "value"])
        lines = []
        for slice_, name in _SLICES.items():
            rows = by[by["slice"] == slice_].head(_WEAKEST)
            shares = [
                f"{inline(row.value)} ({row.exact_match:.0%} of {row.pairs:,})"
                for row in rows.itertuples(index=False)
            ]
            if shares:
                lines.append(f"- {name} {', '.join(shares)}")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path} is damaged ({error}): run its eval stage again") from error
    return "\n".join(lines)


def _files(facts: Facts, request: Request, on_hub: bool) -> str:
    lines = ["- `adapter_model.safetensors`, `adapter_config.json`: the adapter"]
    lines.append("- `processor_config.json`, `tokenizer.json`, `tokenizer_config.json`: the processor")
    if not on_hub:
        lines.append("- `base/`: the base model")
    if _is_measured(facts):
        lines.append(
            "- `metrics.json`, `intervals.csv`, `by.csv`: the scores, their 95 % intervals, and by slice"
        )
    lines.append("- `log.csv`: the loss, step by step")
    if request.training_state:
        lines.append("- `training_state/`: the optimizer's state, to train on from here")
    return "\n".join(lines)
