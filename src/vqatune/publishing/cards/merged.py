"""The card of an exported version, in the form of the Hugging Face hub: data, parameters, scores, lineage, use."""

from pathlib import Path
from typing import Any

from vqatune.publishing.cards.families import FAMILY_CARDS
from vqatune.publishing.cards.sections import (
    Facts,
    describe_data,
    front_matter,
    gather_facts,
    is_on_hub,
    lineage_section,
    parameter_sections,
    score_section,
)
from vqatune.training.chain_state import ChainState

INTRODUCTION = (
    "A {family} model for questions about a catalogue's pictures, tuned by LoRA in consecutive versions, each from the one "
    "before by one batch of question-answer pairs. This is {version}, with its adapter merged into the base model."
)

_USE = """```python
import torch
from PIL import Image
from transformers import {family.model_class}, {family.processor_class}

folder = "."  # this folder, or its name on the hub
processor = {family.processor_class}.from_pretrained(folder)
model = {family.model_class}.from_pretrained(folder)
{family.ask}
```"""


def model_card(chain: list[ChainState], lora: dict, root: Path = Path()) -> str:
    """Return the card of a chain's last version; what is not known here is said to be unknown.

    Args:
        chain: where the chain stood after each version that is here, the exported one last.
        lora: the parameters that its adapter was made with.
        root: the repository, of which dvc.lock or params.yaml, data/batches, metrics/data and metrics are read.

    Raises:
        DataError: one of these files is damaged. ParameterError: params.yaml is needed, and is not valid.
    """
    facts = gather_facts(chain, lora, root)
    family = FAMILY_CARDS[facts.model_type]
    sections = [
        _front_matter(facts),
        f"# {family.name} tuned on a product catalogue: {facts.version}",
        INTRODUCTION.format(family=family.name, version=facts.version),
        "## Use",
        _USE.format(family=family),
        family.hint,
        "## Data",
        describe_data(facts.batches),
        "## Parameters",
        *parameter_sections(facts),
        "## Scores",
        score_section(facts),
        "## Lineage",
        lineage_section(facts),
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(facts: Facts) -> str:
    entries: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "visual-question-answering",
        "tags": [facts.model_type, "lora", "vqatune"],
    }
    if is_on_hub(facts.base):
        entries["base_model"] = facts.base["name"]
    return front_matter(entries)
