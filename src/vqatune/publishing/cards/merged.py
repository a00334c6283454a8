"""The card of an exported version, in the form of the Hugging Face hub: data, parameters, scores, lineage, use."""

from pathlib import Path
from typing import Any

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
    "A BLIP model for questions about a catalogue's pictures, tuned by LoRA in consecutive versions, each from the one "
    "before by one batch of question-answer pairs. This is {version}, with its adapter merged into the base model."
)

ASK = """\
picture = Image.open("picture.jpg").convert("RGB")
inputs = processor(images=picture, text="what color is it?", return_tensors="pt")
with torch.inference_mode():
    answer = model.generate(**inputs, max_new_tokens=10)
print(processor.decode(answer[0], skip_special_tokens=True))
```"""

USE = f"""```python
import torch
from PIL import Image
from transformers import BlipForQuestionAnswering, BlipProcessor

folder = "."  # this folder, or its name on the hub
processor = BlipProcessor.from_pretrained(folder)
model = BlipForQuestionAnswering.from_pretrained(folder)
{ASK}"""

ONE_AT_A_TIME = "Ask one question at a time: in a batch, this model's `generate` takes the padding of shorter questions for words."


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
    sections = [
        _front_matter(facts),
        f"# BLIP tuned on a product catalogue: {facts.version}",
        INTRODUCTION.format(version=facts.version),
        "## Use",
        USE,
        ONE_AT_A_TIME,
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
        "tags": ["blip", "lora", "vqatune"],
    }
    if is_on_hub(facts.base):
        entries["base_model"] = facts.base["name"]
    return front_matter(entries)
