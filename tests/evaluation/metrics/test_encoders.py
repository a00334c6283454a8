"""Finding scoring models, what is said where there is none, and blocks of one shape."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from vqatune.errors import ModelError
from vqatune.evaluation.metrics.bartscore import Bartscore
from vqatune.evaluation.metrics.encoders import (
    SentenceEncoder,
    TokenEncoder,
    run_blocks,
    same_shape_blocks,
)
from vqatune.evaluation.metrics.model_sources import find_model

with pytest.MonkeyPatch.context() as _patch:
    _patch.syspath_prepend(Path(__file__).parent)
    import golden_models

_CPU = torch.device("cpu")
_LOADERS = {
    "bertscore": lambda source: TokenEncoder(source, 1, _CPU),
    "sbert": lambda source: SentenceEncoder(source, _CPU),
    "bartscore": lambda source: Bartscore(source, _CPU),
}
every_loader = pytest.mark.parametrize("load", _LOADERS.values(), ids=_LOADERS)


def _whole(load: Callable, bart: Path) -> Path:
    return bart if load is _LOADERS["bartscore"] else Path(golden_models.embedded())


def _spoiled(source: Path, folder: Path, *damaged: str, content: bytes | None) -> Path:
    shutil.copytree(source, folder)
    for name in damaged:
        (folder / name).unlink(missing_ok=True)
        if content is not None:
            (folder / name).write_bytes(content)
    return folder


@every_loader
@pytest.mark.parametrize(
    ("damaged", "content"),
    [
        (["config.json"], b"{"),
        (["model.safetensors"], None),
        (["model.safetensors"], b"no weights" * 100),
        (["tokenizer.json"], b"{"),
    ],
    ids=["config", "no weights", "weights", "tokenizer"],
)
def test_a_damaged_model_is_one_clear_line(load, damaged, content, bart, tmp_path):
    folder = _spoiled(_whole(load, bart), tmp_path / "model", *damaged, content=content)
    with pytest.raises(ModelError, match="the scoring model in .*model cannot be loaded") as raised:
        load(find_model(str(folder), None))
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("config.json", {"auto_map": {"AutoModel": "evil.Model"}}, "auto_map"),
        ("config.json", {"attn_implementation": "someone/kernels"}, "someone/kernels"),
        (
            "config.json",
            {"vocab_size": 2**22},
            "describes a model of",
        ),
        ("config.json", {"model_type": "no such type"}, "cannot be loaded"),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.T", None]}}, "auto_map"),
        ("modules.json", [{"idx": 0, "name": "0", "path": "", "type": "evil.Module"}], "evil.Module"),
        (
            "modules.json",
            [{"idx": 0, "name": "0", "path": "../..", "type": "sentence_transformers.models.Transformer"}],
            "no folder beside it",
        ),
        ("sentence_bert_config.json", {"model_args": {"attn_implementation": "a/b"}}, "model_args"),
    ],
)
@every_loader
def test_a_folder_that_brings_code_or_asks_for_more_than_it_has_is_refused(
    load, name, values, message, bart, tmp_path
):
    folder = tmp_path / "model"
    shutil.copytree(_whole(load, bart), folder)
    (folder / "evil.py").write_text("raise SystemExit('it ran')")
    known = json.loads((folder / name).read_text()) if (folder / name).exists() else {}
    (folder / name).write_text(json.dumps(known | values if isinstance(values, dict) else values))
    with pytest.raises(ModelError, match=f"cannot be loaded.*{message}|{message}"):
        load(find_model(str(folder), None))


@every_loader
def test_pickled_weights_are_not_read(load, bart, tmp_path):
    folder = _spoiled(_whole(load, bart), tmp_path / "model", "model.safetensors", content=None)
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"it has no model\.safetensors"):
        load(find_model(str(folder), None))


@every_loader
def test_a_model_without_a_tokenizer_is_refused_and_does_not_take_all_texts_for_one(load, bart, tmp_path):
    names = ["tokenizer.json", "tokenizer_config.json", "vocab.txt", "special_tokens_map.json"]
    folder = _spoiled(_whole(load, bart), tmp_path / "model", *names, content=None)
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(find_model(str(folder), None))


@every_loader
def test_a_folder_without_a_model_is_one_clear_line(load, tmp_path):
    with pytest.raises(ModelError, match=f"the scoring model in {tmp_path} cannot be loaded") as raised:
        load(find_model(str(tmp_path), None))
    assert "\n" not in str(raised.value)


def test_a_model_of_another_kind_is_one_clear_line():
    with pytest.raises(ModelError, match="cannot be loaded"):
        Bartscore(find_model("embedded", None), _CPU)


@pytest.mark.parametrize("name", ["", "no/such/folder", "a name with spaces"])
def test_what_is_neither_a_folder_nor_a_name_of_the_hub_is_one_clear_line(name):
    with pytest.raises(ModelError, match="is no folder here and cannot be fetched from the hub") as raised:
        find_model(name, None)
    assert "\n" not in str(raised.value)


_SCORE = """
import pandas
from vqatune.errors import ModelError
from vqatune.evaluation import score
from vqatune.params import EvalParams
params = EvalParams.model_validate({"sbert": {"model": "nobody/has-this-model"}})
try:
    score(pandas.DataFrame({"prediction": ["red"], "references": ["blue"]}), ["sbert_cosine"], params=params)
except ModelError as error:
    print(error)
"""


def test_a_model_of_the_hub_that_cannot_be_reached_is_one_clear_line(tmp_path):
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _SCORE]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert "nobody/has-this-model is no folder here and cannot be fetched" in line
    assert line.endswith("or set it to null to leave its metrics out")
    assert "Traceback" not in done.stderr


def test_a_model_is_known_by_its_content_and_not_by_its_place(bart, tmp_path):
    moved, other = tmp_path / "moved", tmp_path / "other"
    shutil.copytree(bart, moved)
    golden_models.make_tiny_bart(other, seed=14)
    assert find_model(str(bart), None).name == find_model(str(moved), None).name
    assert find_model(str(bart), None).name != find_model(str(other), None).name


def test_items_of_one_shape_go_together_as_many_each_time():
    draw = random.Random(2)
    lengths = [(draw.choice([3, 4, 50, 700]), draw.choice([2, 9])) for _ in range(500)]
    sizes: dict[tuple[int, int], set[int]] = {}
    placed = []
    for block in same_shape_blocks(lengths, _CPU):
        (shape,) = {lengths[place] for place in block}
        sizes.setdefault(shape, set()).add(len(block))
        placed += dict.fromkeys(block)
    assert sorted(placed) == list(range(500))
    assert set(map(len, sizes.values())) == {1}
    (alone,) = same_shape_blocks([(3, 2)], _CPU)
    assert {len(alone)} == sizes[3, 2]


@pytest.mark.parametrize(("device", "most"), [("cpu", 128), ("cuda", 1024)])
def test_no_more_is_computed_for_a_text_alone_than_fills_a_block(device, most):
    for shape in [(3,), (50, 9), (512,), (1024, 1024)]:
        (block,) = same_shape_blocks([shape], torch.device(device))
        assert set(block) == {0} and len(block) % 4 == 0
        assert len(block) == 4 or len(block) * sum(shape) <= most


@pytest.mark.parametrize("threads", [1, 2])
def test_blocks_come_in_order_each_run_by_one_thread_and_the_threads_come_back(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        blocks = [[place] for place in range(50)]
        ran = list(run_blocks(lambda block: (block[0], torch.get_num_threads()), blocks, _CPU))
        assert ran == [([place], (place, 1)) for place in range(50)]
        with pytest.raises(ZeroDivisionError):
            list(run_blocks(lambda block: 1 / block[0], blocks, _CPU))
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
