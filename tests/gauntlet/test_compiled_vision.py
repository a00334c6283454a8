"""The compiled vision tower: a minute of compilation, too long for every commit."""

import os
import shutil
import subprocess
import sys

import pytest
import torch
from asked_pairs import COUNTS, Asked, asked_model

from vqatune.models.families.blip import pair_losses
from vqatune.models.family import VisionOptions
from vqatune.runtime.arithmetic import IN_USE, NATIVE, PORTABLE, VARIABLES, arithmetic_in_use


def test_compiling_changes_no_gradient(request, tmp_path):
    if not shutil.which("g++"):
        pytest.skip("torch.compile needs a C++ compiler")
    if arithmetic_in_use() == PORTABLE:
        # In a process of its own, as compiled code is not portable.
        environment = {name: value for name, value in os.environ.items() if name not in VARIABLES}
        # torch would start processes that compile, each of which imports it for the few kernels of this model.
        environment["TORCHINDUCTOR_COMPILE_THREADS"] = "1"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-o", f"cache_dir={tmp_path}", request.node.nodeid],
            cwd=request.config.rootpath,
            env=environment | {IN_USE: NATIVE, "PYTEST_ADDOPTS": ""},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 and "skipped" not in done.stdout, done.stdout
        return
    model, asked = asked_model().train(), Asked(COUNTS)
    expected = _gradients(model, asked, VisionOptions())
    found = _gradients(model, asked, VisionOptions(compiled=True))
    assert found.keys() == expected.keys()
    largest = max(float(gradient.abs().max()) for gradient in expected.values())
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-5, atol=1e-5 * largest, msg=name)


def _gradients(model: torch.nn.Module, asked: Asked, options: VisionOptions) -> dict[str, torch.Tensor]:
    model.zero_grad()
    pair_losses(model, asked.together(), options).mean().backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
