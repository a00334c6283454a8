"""Write the golden files of processors: what transformers' own make of drawn pictures and questions.

Needs torchvision, which transformers' default image processors and Qwen's processor run on:

    pip install torchvision && PYTHONPATH=src:tests/fakes python tests/models/families/make_golden.py
"""

import json
import tempfile
from importlib.metadata import version
from pathlib import Path

from golden_pictures import QUESTION, draw_pictures, sample
from tiny_families import STOCK, tiny_model
from transformers import AutoProcessor

GOLDEN = Path(__file__).parent / "golden"


def main() -> None:
    """Write a file for every kind of tiny model."""
    GOLDEN.mkdir(exist_ok=True)
    for kind in STOCK:
        _, encoder = tiny_model(kind)
        with tempfile.TemporaryDirectory() as folder:
            encoder.family.save_processor(encoder.processor, Path(folder))
            processor = AutoProcessor.from_pretrained(folder)
        made = []
        for picture in draw_pictures():
            prompt = encoder.family.PROMPT.template.format(QUESTION)
            inputs = processor(images=[picture], text=[prompt], return_tensors="pt")
            own = {"ids": inputs["input_ids"][0].tolist(), "pixels": sample(inputs["pixel_values"])}
            if "image_grid_thw" in inputs:
                own["grid"] = inputs["image_grid_thw"][0].tolist()
            own["shape"] = list(inputs["pixel_values"].shape)
            made.append(own)
        by = {name: version(name) for name in ("transformers", "torchvision", "torch")}
        kinds = [type(processor).__name__, type(processor.image_processor).__name__]
        rows = ",\n ".join(json.dumps(own) for own in made)
        text = f'{{"by": {json.dumps(by)}, "classes": {json.dumps(kinds)}, "pictures": [\n {rows}\n]}}'
        (GOLDEN / f"{kind.replace(' ', '_')}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
