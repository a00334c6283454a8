"""Measure `vqatune serve`: requests of parallel clients against one request at a time, in one run on one server.

Every client has a connection of its own and sends one question a request. Both measurements ask the same questions, in
turn, and every answer is compared with what the version answers without a server. There are two orders of the test set's
questions:

- pictures: requests that follow each other are about different pictures, so none shares the encoding of its picture;
- questions: the questions about a picture follow each other, as in the test set, and parallel requests share it.

    python benchmarks/serving.py

It needs the models and the test set of the repository in the current folder (`dvc pull`, or `dvc repro`).
"""

import argparse
import asyncio
import json
import math
import signal
import statistics
import subprocess
import sys
import time
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from vqatune.inference.answering.settings import choose_version, own_settings
from vqatune.loading.places import read_places
from vqatune.loading.reader import ImageReader
from vqatune.tables import PAIRS, read_table

SERVE = [sys.executable, "-c", "from vqatune.cli import main; main()", "serve", "--port", "0"]
ORDERS = ("pictures", "questions")
TOLERANCE = {"rel_tol": 1e-5, "abs_tol": 1e-4}
"""Of a log-probability: what else is in a micro-batch changes its last digits."""


@dataclass(frozen=True)
class Asked:
    """A question about a picture, and the request that asks it."""

    picture: bytes
    question: str
    request: bytes


def main() -> None:
    """Print seconds, requests a second, and the ratio of each round."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--version", default="v13")
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--requests", type=int, default=600, help="of each measurement")
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    version, folder = choose_version(Path("models"), chosen.version)
    server = subprocess.Popen([*SERVE, "--version", version], stdout=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        if not line.startswith("http://"):
            sys.exit("the server did not start")
        port = int(line.split()[0].rpartition(":")[2])
        measured = []
        for order in ORDERS:
            asked = requests_of(order, chosen.requests, port)
            print(f"{order}: {len(asked)} requests about {len({one.picture for one in asked})} pictures")
            measured.append((asked, rounds(port, asked, chosen.clients, chosen.repeats)))
    finally:
        server.send_signal(signal.SIGTERM)
        status = server.wait(60)
    for asked, answers in measured:
        check(asked, answers, folder)
    print(f"every answer equals that of `vqatune ask`; the server ended with {status}")


def rounds(port: int, asked: list[Asked], clients: int, repeats: int) -> list[list[dict]]:
    """Print the rates and their ratio of each round; return all answers of each measurement."""
    ratios, answers = [], []
    asyncio.run(measure(port, asked[:100], clients))
    for number in range(repeats):
        alone, first = asyncio.run(measure(port, asked, 1))
        parallel, second = asyncio.run(measure(port, asked, clients))
        ratios.append(alone / parallel)
        answers += [first, second]
        print(
            f"  round {number + 1}: one at a time {len(asked) / alone:.0f} requests/s, "
            f"{clients} clients {len(asked) / parallel:.0f} requests/s: {alone / parallel:.2f} ×"
        )
    print(f"  median {statistics.median(ratios):.2f} ×, least {min(ratios):.2f} ×")
    return answers


def requests_of(order: str, count: int, port: int) -> list[Asked]:
    """Return requests for the test set's questions, in one of ORDERS."""
    pairs = read_table(Path("data/test.parquet"), PAIRS)
    reader = ImageReader(read_places("data/extracted/images.parquet", pairs["image_id"]))
    pairs = pairs.assign(turn=pairs.groupby("image_id").cumcount()).sort_values(
        ["turn", "image_id"] if order == "pictures" else ["image_id", "turn"]
    )
    asked = []
    for image_id, question in pairs[["image_id", "question"]].head(count).itertuples(index=False):
        picture = reader.content(image_id)
        body = json.dumps({"picture": b64encode(picture).decode(), "questions": [question]}).encode()
        head = (
            f"POST /ask HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        asked.append(Asked(picture, question, head.encode() + body))
    return asked


async def measure(port: int, asked: list[Asked], clients: int) -> tuple[float, list[dict]]:
    """Return the seconds that so many clients need for all requests, and the answers."""
    answers: list[dict] = [{} for _ in asked]
    upcoming = iter(enumerate(asked))

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for place, one in upcoming:
            writer.write(one.request)
            answers[place] = json.loads(await _body(reader))["answers"][0]
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return time.perf_counter() - started, answers


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    body = await reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
    if not head.startswith("http/1.1 200"):
        sys.exit(f"{head.splitlines()[0]}: {body.decode()}")
    return body


def check(asked: list[Asked], answers: list[list[dict]], folder: Path) -> None:
    """Exit unless all answers are those of the version, asked one by one."""
    answerer = own_settings().open(folder)
    for place, one in enumerate(asked):
        [expected] = answerer.ask(one.picture, one.question)
        for measured in answers:
            found = measured[place]
            same = (found["question"], found["answer"]) == (one.question, expected.answer)
            if not same or not math.isclose(found["log_probability"], expected.log_probability, **TOLERANCE):
                sys.exit(f"request {place}: {found} instead of {expected}")


if __name__ == "__main__":
    main()
