import json
import os
import re
import subprocess
import sys

import pandas as pd
import pytest
import torch
from transformers import BlipForQuestionAnswering

from vqatune.inference.prediction.predict import predict
from vqatune.models import lora
from vqatune.models.families.blip import load_model
from vqatune.training.loop import train_version

# Run where vqatune is not imported: asks each pair by stock transformers and peft, one at a time, and writes
# what they answer, its log-probability, and the logits of its first token.
SCRIPT = """
import json, sys
from io import BytesIO
from peft import PeftModel
from PIL import Image
from transformers import BlipForQuestionAnswering, BlipProcessor

base, asked = sys.argv[1], json.load(open(sys.argv[2]))
answers = {}
for version in sys.argv[3:]:
    processor = BlipProcessor.from_pretrained(version)
    model = PeftModel.from_pretrained(BlipForQuestionAnswering.from_pretrained(base), version).eval()
    answers[version] = []
    for pair in asked:
        with open(pair["archive"], "rb") as archive:
            archive.seek(pair["offset"])
            picture = Image.open(BytesIO(archive.read(pair["length"]))).convert("RGB")
        inputs = processor(images=picture, text=pair["question"], return_tensors="pt")
        made = model.generate(**inputs, max_new_tokens=10, do_sample=False, output_logits=True,
                              return_dict_in_generate=True)
        tokens = made.sequences[0, 1:].tolist()
        chosen = [logits[0].log_softmax(-1)[token].item() for logits, token in zip(made.logits, tokens)]
        answers[version].append({
            "first": processor.tokenizer.convert_ids_to_tokens(inputs.input_ids[0])[0],
            "question": inputs.input_ids[0].tolist(),
            "pixels": inputs.pixel_values[0].tolist(),
            "answer": processor.decode(made.sequences[0], skip_special_tokens=True).strip(),
            "log_probability": sum(chosen),
            "logits": made.logits[0][0].tolist(),
        })
assert "vqatune" not in sys.modules
json.dump(answers, sys.stdout)
"""


@pytest.fixture(scope="module")
def versions(tiny_params, tiny_base, pairs, places, tmp_path_factory):
    """A second version of every variant, tuned enough to answer otherwise than the base."""
    folder = tmp_path_factory.mktemp("versions")
    many = pd.concat([pairs.assign(copy=copy) for copy in range(2)], ignore_index=True)
    train = tiny_params.train.model_copy(update={"learning_rate": 0.01})
    made = {}
    for variant in ("lora", "rslora", "dora", "pissa"):
        tuned = tiny_params.lora.model_copy(update={"variant": variant, "dropout": 0.0})
        params = tiny_params.model_copy(update={"lora": tuned, "train": train})
        first, second = folder / variant / "v1", folder / variant / "v2"
        train_version(params, "v1", tiny_base, None, many, places, first)
        train_version(params, "v2", tiny_base, first, many, places, second)
        made[variant] = second
    return made


@pytest.fixture(scope="module")
def asked(pairs, places) -> pd.DataFrame:
    return pairs.merge(places, on="image_id").head(6)


@pytest.fixture(scope="module")
def stock(versions, asked, tiny_base, tmp_path_factory):
    """What the script says of each variant, and what it says on standard error."""
    path = tmp_path_factory.mktemp("asked") / "pairs.json"
    path.write_text(asked[["question", "archive", "offset", "length"]].to_json(orient="records"))
    # -P and no PYTHONPATH: nothing of this checkout is on the path by accident.
    done = subprocess.run(
        [sys.executable, "-P", "-c", SCRIPT, tiny_base, path, *versions.values()],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    return {variant: answers[str(folder)] for variant, folder in versions.items()}, done.stderr


def test_the_saved_processor_asks_as_the_version_was_taught(stock):
    assert {answer["first"] for answers in stock[0].values() for answer in answers} == {"[ENC]"}


def test_stock_libraries_find_every_key_and_no_other(stock):
    assert not re.search("missing|unexpected", stock[1], re.IGNORECASE)


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora", "pissa"])
def test_stock_libraries_answer_a_version_as_the_engine_does(
    variant, stock, versions, asked, tiny_params, tiny_base, places
):
    mine = predict(tiny_params, "v2", tiny_base, versions[variant], asked, places).set_index("qa_id")
    mine = mine.loc[asked["qa_id"]]
    theirs = pd.DataFrame(stock[0][variant])
    assert mine["prediction"].tolist() == theirs["answer"].tolist()
    assert mine["log_probability"].tolist() == pytest.approx(
        theirs["log_probability"].tolist(), rel=2e-6, abs=1e-4
    )


@pytest.mark.parametrize("variant", ["lora", "rslora", "dora", "pissa"])
def test_stock_libraries_give_the_logits_of_the_adapter_as_it_is_loaded_here(
    variant, stock, versions, tiny_base
):
    adapted = lora.load_adapter(load_model(tiny_base), versions[variant]).get_base_model().eval()
    bare = BlipForQuestionAnswering.from_pretrained(tiny_base).eval()
    for answer in stock[0][variant]:
        logits, untuned = _first_logits(adapted, answer), _first_logits(bare, answer)
        torch.testing.assert_close(torch.tensor(answer["logits"]), logits, rtol=1e-5, atol=1e-4)
        assert (logits - untuned).abs().max() > 0.1


@torch.no_grad()
def _first_logits(model: BlipForQuestionAnswering, answer: dict) -> torch.Tensor:
    made = model.generate(
        torch.tensor([answer["question"]]),
        torch.tensor([answer["pixels"]]),
        max_new_tokens=1,
        do_sample=False,
        output_logits=True,
        return_dict_in_generate=True,
    )
    return made.logits[0][0]
