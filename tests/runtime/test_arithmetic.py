"""Portable arithmetic: what is set, and that two makes of processor, emulated, compute the same bits as this one."""

import json
import os
import platform
import shutil
import subprocess
import sys

import pytest

from vqatune.runtime.arithmetic import IN_USE, VARIABLES

x86_64 = pytest.mark.skipif(platform.machine() != "x86_64", reason="portable arithmetic is of x86-64")
SHOW = """
import json, os
from vqatune.runtime.arithmetic import arithmetic_in_use, choose_arithmetic
choose_arithmetic()
print(json.dumps([arithmetic_in_use(), dict(os.environ)]))
"""
COMPUTE = """
import hashlib
from vqatune.runtime.arithmetic import choose_arithmetic
choose_arithmetic()
import numpy as np, torch
from torch.nn import functional as F

torch.set_num_threads(1)
torch.manual_seed(0)
states, weight = torch.randn(4, 65, 96), torch.nn.Parameter(torch.randn(96, 96))
image, patches = torch.randn(2, 3, 64, 64), torch.randn(96, 3, 8, 8)
found = [F.conv2d(image, patches, stride=8), torch.linalg.svd(weight)[1], states.log_softmax(-1)]
# What AdamW calls, without torch's compiler, which AdamW imports: a third of the time of this script.
constants = dict(lr=1e-3, beta1=0.9, beta2=0.999, weight_decay=0.01, eps=1e-8, amsgrad=False, maximize=False)
mean, square, step = torch.zeros_like(weight.data), torch.zeros_like(weight.data), torch.tensor(0.0)
for _ in range(3):
    weight.grad = None
    hidden = F.gelu(F.layer_norm(states @ weight, (96,)))
    attended = F.scaled_dot_product_attention(hidden[:, None], hidden[:, None], hidden[:, None])
    F.cross_entropy(attended.flatten(0, 2), torch.arange(260) % 96).backward()
    step += 1
    torch._fused_adamw_([weight.data], [weight.grad], [mean], [square], [], [step], **constants)
found = [each.detach().numpy() for each in (*found, attended, weight.grad, weight)]
numbers = np.random.default_rng(0).normal(size=10_000)
found += [np.exp(numbers), np.log(abs(numbers)), numbers.mean(), np.percentile(numbers, 2.5)]
found += [numbers.reshape(100, 100) @ numbers.reshape(100, 100), numbers.astype(np.float32).sum()]
for each in found:
    print(hashlib.sha256(np.asarray(each).tobytes()).hexdigest()[:16])
"""
"""A digest of what every kind of operation gives that models and scores use."""


def _environment(**variables: str) -> dict[str, str]:
    own = (*VARIABLES, IN_USE)
    return {name: value for name, value in os.environ.items() if name not in own} | variables


def _shown(folder, **variables: str) -> tuple[str, dict[str, str]]:
    command = [sys.executable, "-c", SHOW]
    done = subprocess.run(
        command, cwd=folder, env=_environment(**variables), capture_output=True, text=True, check=True
    )
    arithmetic, environment = json.loads(done.stdout)
    return arithmetic, {name: environment[name] for name in VARIABLES if name in environment}


@x86_64
@pytest.mark.parametrize("content", [None, "compute: {arithmetic: portable}\n", "compute: {}\n", "a: [\n"])
def test_it_is_portable_unless_the_parameters_say_native(tmp_path, content):
    if content:
        (tmp_path / "params.yaml").write_text(content)
    assert _shown(tmp_path) == ("portable", VARIABLES)


@x86_64
def test_native_takes_back_what_was_inherited_but_nothing_that_the_user_has_set(tmp_path):
    (tmp_path / "params.yaml").write_text("compute: {arithmetic: native}\n")
    assert _shown(tmp_path) == ("native", {})
    assert _shown(tmp_path, **VARIABLES, **{IN_USE: "portable"}) == ("native", {})
    assert _shown(tmp_path, MKL_CBWR="AVX2") == ("native", {"MKL_CBWR": "AVX2"})


@x86_64
def test_every_library_for_matrices_takes_the_kernels_that_all_processors_have(tmp_path):
    script = """
from vqatune.runtime.arithmetic import choose_arithmetic
choose_arithmetic()
import numpy, scipy.linalg
from threadpoolctl import threadpool_info
print({library["architecture"] for library in threadpool_info() if library["internal_api"] == "openblas"})
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "{'Haswell'}\n"


def test_tests_compute_as_stages_do():
    assert os.environ.get(IN_USE) == "portable" or platform.machine() != "x86_64"


@x86_64
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("qemu-x86_64"), reason="qemu-x86_64 (Debian: qemu-user) is not here")
def test_an_emulated_processor_computes_the_same_bits(tmp_path):
    command = [sys.executable, "-c", COMPUTE]
    own, emulated = (
        subprocess.run(
            [*before, *command], cwd=tmp_path, env=_environment(), capture_output=True, text=True, check=True
        ).stdout.split()
        for before in ([], ["qemu-x86_64", "-cpu", "Haswell-v4"])
    )
    assert len(own) == 12 and own == emulated
