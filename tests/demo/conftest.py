"""Shared by the tests of the demo: a folder with a base, two versions and a test set, its server, and pictures."""

import importlib.util
import os
import re
import shutil
import signal
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from warm import RUN, Warm

# What the server connects to goes to a file; the machine itself is no call.
WATCHED = """
import sys, tempfile
def watch(event, arguments):
    if event == "socket.connect" and arguments[1][0] not in ("127.0.0.1", "::1"):
        open(sys.argv[1], "a").write(f"connect {arguments[1]}\\n")
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "127.0.0.1", "localhost"):
        open(sys.argv[1], "a").write(f"look up {arguments[0]}\\n")
sys.addaudithook(watch)
# The warm process has looked for it already.
tempfile.tempdir = None
from vqatune.cli import main
main(["demo", "--port", "0"])
"""


@pytest.fixture(scope="session")
def demo_root(tmp_path_factory, tiny_base, tiny_params, pairs, places) -> Path:
    """A folder as `vqatune demo` finds it; not to be written to."""
    import torch

    from vqatune.models import lora
    from vqatune.models.families.blip import load_model, load_processor, save_processor
    from vqatune.tables import IMAGES, PAIRS, write_table

    root = tmp_path_factory.mktemp("demo")
    shutil.copytree(tiny_base, root / "models" / "base")
    # Of these seeds a version says one word to a question after stars; of most it says nothing, as the base does.
    for version, seed in (("v1", 9), ("v2", 13)):
        adapted, generator = lora.new_adapter(load_model(tiny_base), tiny_params.lora), torch.Generator()
        generator.manual_seed(seed)
        for name, weight in adapted.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(weight, std=0.05, generator=generator)
        lora.save_adapter(adapted, root / "models" / version)
        save_processor(load_processor(tiny_base), root / "models" / version)
    write_table(pairs, root / "data/test.parquet", PAIRS)
    write_table(places.assign(path="", height=48, width=48), root / "data/extracted/images.parquet", IMAGES)
    return root


@pytest.fixture(scope="session")
def picture(places) -> bytes:
    from vqatune.loading.reader import ImageReader

    return ImageReader(places).content("image05")


@dataclass(frozen=True)
class Server:
    """The page's server, in a process of its own."""

    address: str
    worker: psutil.Process
    said: Path
    """What it has said on standard error."""

    @property
    def most_memory(self) -> int:
        """The most megabytes that it has taken so far."""
        status = Path(f"/proc/{self.worker.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) // 1024


@pytest.fixture(scope="session")
def server(demo_root, tmp_path_factory, warm_server):
    # Looked for and not imported, which takes a second or two.
    if importlib.util.find_spec("gradio") is None:
        pytest.skip("gradio is not installed: pip install -e '.[demo]'")
    temporary = tmp_path_factory.mktemp("server")
    (temporary / "watched.py").write_text(WATCHED)
    process = Warm(
        warm_server,
        [*RUN, str(temporary / "watched.py"), str(temporary / "calls")],
        cwd=demo_root,
        env=os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=(temporary / "said").open("w"),
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line, (temporary / "said").read_text()
        [worker] = process.workers()
        yield Server(line.split()[0], worker, temporary / "said")
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(120)
    assert status == 128 + signal.SIGTERM
    # It called nobody, and left no uploads.
    assert not (temporary / "calls").exists(), (temporary / "calls").read_text()
    assert not list(temporary.glob("vqatune-demo-*"))


@pytest.fixture(scope="session")
def bomb() -> bytes:
    """A PNG of 50 kB that is 400 megapixels."""
    side = 20_000
    packed = zlib.compressobj(9)
    body = b"".join(packed.compress(bytes(1 + side // 8)) for _ in range(side)) + packed.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
