"""The bytes of all outputs on two makes of processor, emulated, and on this one: `make emulated`."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import every_stage
import pytest

from vqatune.runtime.arithmetic import IN_USE, VARIABLES
from vqatune.runtime.warm_start import SOCKET

PROCESSORS = {"own": [], **{name: ["qemu-x86_64", "-cpu", name] for name in ("Haswell-v4", "EPYC-Rome")}}


@pytest.mark.emulated
@pytest.mark.skipif(platform.machine() != "x86_64", reason="portable arithmetic is of x86-64")
@pytest.mark.skipif(not shutil.which("qemu-x86_64"), reason="qemu-x86_64 (Debian: qemu-user) is not here")
def test_every_output_has_the_same_bytes_on_every_processor(start, tmp_path):
    processes, checkouts = {}, {}
    for name, before in PROCESSORS.items():
        checkout = type(start)(tmp_path / name, start.environment)
        start.run("git", "clone", "--quiet", start.root, checkout.root)
        checkout.keep_versions(["v1"])
        checkout.set_params({"raw.showroom_listings": 60, "sample.small_type_minimum": 0})
        environment = {
            key: value for key, value in start.environment.items() if key not in (*VARIABLES, IN_USE)
        }
        command = [*before, sys.executable, str(Path(every_stage.__file__))]
        processes[name] = subprocess.Popen(
            command, cwd=checkout.root, env=environment | {SOCKET: ""}, stderr=subprocess.PIPE, text=True
        )
        checkouts[name] = checkout
    for process in processes.values():
        _, said = process.communicate()
        assert process.returncode == 0, said
    expected = checkouts["own"].outputs()
    assert {
        "metrics/v1.json",
        "metrics/intervals/v1.csv",
        "models/v1/adapter_model.safetensors",
    } <= expected.keys()
    for name in PROCESSORS:
        found = checkouts[name].outputs()
        assert found.keys() == expected.keys()
        assert [path for path, content in found.items() if content != expected[path]] == [], name
