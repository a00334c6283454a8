"""The generate stage with Gemini's replies from a file, as benchmarks/generation.py measures it.

    python benchmarks/generation_stage.py

runs in a folder with the stage's inputs, `replies.bin` and `replies.npz`, and writes `trace.json`: when asking began
and ended, and the peak of the resident memory.
"""

import asyncio
import json
import os
import random
import runpy
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
STAGE = ROOT / "stages/generate.py"
SIGNATURE = b"\xff\xd8\xff\xe0"
_noise = random.Random(13).randbytes(20_000)


class Replies:
    """The bodies of the replies about the images, one after the other in a file."""

    def __init__(self, folder: Path) -> None:
        """`replies.npz` has int64 arrays: `first`, each image's first reply, and `ends`, where each reply begins.

        Both have one entry more, for where the last one ends.
        """
        self._file = os.open(folder / "replies.bin", os.O_RDONLY)
        spans = np.load(folder / "replies.npz")
        self._first, self._ends = spans["first"], spans["ends"]
        self._asked: Counter[int] = Counter()

    def next(self, image: bytes) -> bytes:
        """Return the next reply about an image; of the last one there is no end."""
        number = image_number(image)
        row, replies = int(self._first[number]), int(self._first[number + 1] - self._first[number])
        if replies > 1:
            row += min(self._asked[number], replies - 1)
            self._asked[number] += 1
        start = int(self._ends[row])
        return os.pread(self._file, int(self._ends[row + 1]) - start, start)


def picture(number: int, length: int) -> bytes:
    """Return bytes of an image: a JPEG by its first ones, its number after them, and noise."""
    return SIGNATURE + number.to_bytes(4) + _noise[: length - 8]


def image_number(image: bytes) -> int:
    """Return the number of an image."""
    return int.from_bytes(image[4:8])


def main() -> None:
    """Run the stage and write its trace."""
    sys.path.insert(0, str(STAGE.parent))
    from vqatune.generation.providers import gemini

    trace: dict[str, float] = {}
    gemini.connect = _connect(trace)
    # The stage is named after its script.
    sys.argv = [str(STAGE)]
    os.environ["GEMINI_API_KEY"] = "none-is-needed"
    runpy.run_path(str(STAGE), run_name="__main__")
    trace["ended"] = time.time()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    trace["peak_mb"] = int(status["VmHWM"].split()[0]) * 1024 / 1e6
    Path("trace.json").write_text(json.dumps(trace))


def _connect(trace: dict[str, float]) -> Any:
    """Return what opens the provider: the SDK is loaded and stands by, as in a real run, but is not asked."""

    @asynccontextmanager
    async def connect(params: Any, compute: Any) -> AsyncIterator[Any]:
        from vqatune.generation.providers.gemini import accept, clients

        replies = Replies(Path())

        async def ask(image: bytes, metadata: str, prompt: Any, key: str) -> dict[str, Any]:
            await asyncio.sleep(0)
            return accept(200, replies.next(image), {}, key)

        async with clients(params) as client:
            client("none-is-needed")
            trace["asking"] = time.time()
            yield ask
            trace["asked"] = time.time()

    return connect


if __name__ == "__main__":
    main()
