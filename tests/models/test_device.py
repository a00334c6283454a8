import pytest

from vqatune.errors import ParameterError
from vqatune.models.device import start
from vqatune.runtime.arithmetic import IN_USE


def test_compiled_code_and_portable_arithmetic_exclude_each_other_on_a_cpu(tiny_params, monkeypatch):
    compute = tiny_params.compute.model_copy(update={"compile": True})
    monkeypatch.setenv(IN_USE, "portable")
    with pytest.raises(ParameterError, match="compute.compile makes code for this processor"):
        start(compute, 13)
    monkeypatch.setenv(IN_USE, "native")
    assert start(compute, 13).type == "cpu"


@pytest.mark.parametrize("device", ["cuda:99", "meta"])
def test_a_device_that_is_not_here_is_named(tiny_params, device):
    with pytest.raises(ParameterError, match=f"compute.device is '{device}', which cannot be used here"):
        start(tiny_params.compute.model_copy(update={"device": device}), 13)
