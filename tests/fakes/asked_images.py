"""For tests of requests: images that are only a name, parameters, and a call that requests pairs about them."""

import json
import os
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from model_server import ModelServer

from vqatune.generation.client.model_pairs import model_pairs
from vqatune.generation.client.usage import Usage
from vqatune.params import ComputeParams, GenerateParams, PriceParams
from vqatune.tables import SAMPLED

KEY = "AIza-not-a-real-key-0123456789"
COMPUTE = ComputeParams(device="cpu", precision="float32", threads=1, compile=False, loader_processes=0)


def make_sampled(folder: Path, count: int, **changes) -> pd.DataFrame:
    """Images image00000 … whose bytes lie in one file of the folder."""
    rows, content = [], bytearray()
    for number in range(count):
        picture = b"\xff\xd8\xff\xe0" + f"image{number:05d}".encode()
        rows.append((f"image{number:05d}", len(content), len(picture)))
        content += picture
    (folder / "images.tar").write_bytes(content)
    fixed = {"item_id": "B1", "product_type": "CHAIR", "language": "en_US", "path": "x.jpg", "tier": 0}
    fixed |= {"metadata": json.dumps({"item_name": ["A chair"]}), "archive": str(folder / "images.tar")}
    fixed |= {"repeats": 1} | changes
    return pd.DataFrame(rows, columns=["image_id", "offset", "length"]).assign(**fixed)[SAMPLED.names]


@dataclass
class Asked:
    """The pairs, and the usage of the requests."""

    pairs: pd.DataFrame
    kinds: Counter
    usage: Usage
    seconds: float


def ask_about(server: ModelServer, images: pd.DataFrame, backoff: float = 0.01, **changes) -> Asked:
    """Request pairs of a model server, with the store in the current folder and the server's length of a minute."""
    params = make_params(server, **changes)
    usage, start = Usage(), time.monotonic()
    parts = model_pairs(images, params, COMPUTE, usage, backoff=backoff, minute=server.minute)
    pairs = pd.concat([pairs for _, pairs in parts], ignore_index=True)
    return Asked(pairs, usage.kinds, usage, time.monotonic() - start)


def make_params(server: ModelServer, **changes) -> GenerateParams:
    endpoint = server.url + "/v1" if changes.get("provider") == "openai" else server.url
    given = {"provider": "gemini", "path": None, "model": "gemini-test", "endpoint": endpoint}
    return GenerateParams(**given | changes)


def everything_in(folder: Path) -> bytes:
    """All bytes of all files of a folder, and their names."""
    paths = [Path(where) / name for where, _, names in os.walk(folder) for name in names]
    return b"\n".join(str(path).encode() + path.read_bytes() for path in paths)


def price(**given: float) -> PriceParams:
    """US dollars per million tokens; unknown where not given."""
    return PriceParams(**given)
