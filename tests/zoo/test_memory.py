import pytest
import torch
from safetensors.torch import save_file

from vqatune.errors import ModelError
from vqatune.zoo import memory
from vqatune.zoo.memory import check_memory, free_bytes, weights_bytes

CPU = torch.device("cpu")


@pytest.fixture
def files(tmp_path):
    parts = {"one": {"a": torch.zeros(10, 3)}, "two": {"b": torch.zeros(8, dtype=torch.bfloat16)}}
    for name, tensors in parts.items():
        save_file(tensors, tmp_path / f"{name}.safetensors")
    return sorted(tmp_path.glob("*.safetensors"))


@pytest.mark.parametrize(
    ("dtype", "quantization", "expected"),
    [
        (None, "none", 30 * 4 + 8 * 2),
        (torch.float32, "none", 38 * 4),
        (torch.bfloat16, "none", 38 * 2),
        (torch.bfloat16, "int8", 38),
        (torch.bfloat16, "nf4", 19),
    ],
)
def test_weights_take_what_the_headers_of_all_files_say_in_the_dtype_that_is_wanted(
    files, dtype, quantization, expected
):
    assert weights_bytes(files, dtype, quantization) == expected


def test_what_does_not_fit_is_one_line_that_says_how_much_is_missing(files, monkeypatch):
    check_memory(files, "blip", None, CPU)
    monkeypatch.setattr(memory, "free_bytes", lambda device: 100)
    with pytest.raises(
        ModelError, match="the weights of blip take .* GiB, and cpu has .* GiB free: take fewer bits"
    ):
        check_memory(files, "blip", None, CPU)


def test_the_machines_free_memory_is_a_part_of_its_memory():
    assert 2**20 < free_bytes(CPU) < 2**50
