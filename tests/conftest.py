"""Shared by all tests: the repository, its parameters, a tiny base model, and pictures with questions."""

import copy
import gc
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from vqatune.runtime.arithmetic import IN_USE, NATIVE, choose_arithmetic

ROOT = Path(__file__).resolve().parent.parent
# As many processes run tests as there are cores. A second thread of a tiny product waits for its core, busily, fifteen
# times as long as it computes; tests of threads ask for them. Both have to be said before numpy is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Every client that could speak TLS reads the authorities that it trusts: 20 ms for all of the machine's. Tests have no
# use for them, as they ask servers of this machine without TLS.
os.environ["SSL_CERT_FILE"] = str(ROOT / "tests/fakes/authority.pem")
# What a shell starts in the background ignores Ctrl-C, and so would every process that a test stops with it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Tests compute as stages do.
if os.environ.get(IN_USE) != NATIVE:
    choose_arithmetic(ROOT / "params.yaml")

import pandas as pd
import pytest
import yaml
from chromium import browser, page
from filelock import FileLock
from hypothesis import HealthCheck, settings
from task_pairs import task_pairs
from warm import RUN, VQATUNE, Warm, WarmServer, start_libraries

__all__ = ["browser", "page"]

pytest_plugins = ["seconds"]

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile(
    "vqatune", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("vqatune")

TINY = {
    "model.source": "tiny",
    "model.tiny.image_size": 32,
    "model.tiny.hidden_size": 32,
    "model.tiny.layers": 2,
    "model.tiny.steps": 2,
    "model.tiny.learning_rate": 2.0e-3,
    "model.tiny.images_per_step": 4,
    "train.epochs": 1,
    "train.learning_rate": 2.0e-3,
    "train.images_per_step": 8,
    "compute.device": "cpu",
    "compute.threads": 1,
}
"""Parameters under which a base model is made in a second."""

ANSWERS = """\
id,answer,prediction,difficulty,image,kind,year
1,red,red,0,i1,color,10
2,blue,dark blue,1,i1,color,9
3,None,None,2,i2,other,
4,NA,n/a,,i2,other,100
5,sofa,couch,5,i3,[bold]x,9
"""
"""A file of predictions."""
COMMAND = [sys.executable, "-c", "from vqatune.cli import main; main()"]

QUESTIONS = [("what color is it?", "red"), ("how many stars are there?", "3"), ("is it striped?", "yes")]


# Imports make millions of objects, which garbage collection would go over again and again: a tenth of the time.
gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish() -> None:
    """Leave what the imports of all tests have made out of garbage collection."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that look at a page in Chromium, and begin with the longest tests."""
    for item in items:
        if "browser" in getattr(item, "fixturenames", ()):
            item.add_marker("browser")
    # Those of DVC take a minute each: at the end one process would be at them while the others have nothing to do.
    items.sort(key=lambda item: not item.path.is_relative_to(ROOT / "tests/pipeline"))


@pytest.fixture(autouse=True)
def _messages_on_standard_error() -> None:
    """Print log messages as stages and commands do, where capsys and capfd see them."""
    from vqatune.runtime.logs import configure

    configure()
    # caplog listens at the root.
    logging.getLogger("vqatune").propagate = True


@pytest.fixture(scope="session")
def repository() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def parameter_values() -> dict:
    return yaml.safe_load((ROOT / "params.yaml").read_text())


@pytest.fixture(scope="session")
def make_params(parameter_values):
    """Parameters as in params.yaml but for what is given: make_params({"lora.r": 4})."""
    from vqatune.params import check_params

    def make(changes: dict | None = None):
        values = copy.deepcopy(parameter_values)
        for name, value in (changes or {}).items():
            *sections, key = name.split(".")
            place = values
            for section in sections:
                place = place[section]
            place[key] = value
        return check_params(values, "params.yaml")

    return make


@pytest.fixture(scope="session")
def tiny_params(make_params):
    return make_params(TINY)


@pytest.fixture(scope="session")
def tiny_with(make_params):
    """The tiny parameters with changes: tiny_with({"lora.r": 4})."""
    return lambda changes: make_params(TINY | changes)


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory, tiny_params) -> Path:
    """The folder of a base model made with TINY; not to be written to."""
    from vqatune.base_model.base import make_base

    folder = tmp_path_factory.mktemp("models") / "base"
    make_base(tiny_params, [text for pair in QUESTIONS for text in pair], folder)
    return folder


@pytest.fixture(scope="session")
def places(tmp_path_factory) -> pd.DataFrame:
    """Twelve pictures in an archive: image_id, archive, offset, length."""
    from vqatune.showroom.drawing import draw, random_view
    from vqatune.showroom.products import random_product

    archive = tmp_path_factory.mktemp("raw") / "pictures.tar"
    rows = []
    with archive.open("wb") as file:
        for number in range(12):
            picture = BytesIO()
            draw(random_product(5, number), random_view(5, number), 48).save(picture, "JPEG")
            rows.append((f"image{number:02d}", str(archive), file.tell(), file.write(picture.getvalue())))
    return pd.DataFrame(rows, columns=["image_id", "archive", "offset", "length"])


@pytest.fixture(scope="session")
def pairs(places) -> pd.DataFrame:
    """One to three pairs an image, with the columns of a training batch."""
    rows = [
        {
            "qa_id": f"{image_id}-{place}",
            "image_id": image_id,
            "item_id": f"item-{image_id}",
            "product_type": "MUG" if number % 2 else "HAT",
            "question": question,
            "answer": answer,
            "difficulty": place,
            "question_type": "other",
            "attribute": "other",
            "language": "en_US",
            "task": "general",
            "generator": "template",
            "copy": 0,
        }
        for number, image_id in enumerate(places["image_id"])
        for place, (question, answer) in enumerate(QUESTIONS[: number % 3 + 1])
    ]
    return pd.DataFrame(rows).astype({"difficulty": "Int8", "copy": "int32"})


@dataclass(frozen=True)
class StageFolder:
    """A folder in which stages/train.py and stages/predict.py find what they need, as DVC would have it."""

    root: Path
    server: WarmServer

    def start(self, stage: str, *arguments: str) -> subprocess.Popen:
        """Start a stage, warm; what it says on standard error is text in a pipe."""
        command = [*RUN, str(ROOT / "stages" / f"{stage}.py"), *arguments]
        return Warm(self.server, command, cwd=self.root, stderr=subprocess.PIPE, text=True)

    def run(self, stage: str, *arguments: str) -> str:
        """Run a stage that must go well and return what it says on standard error."""
        process = self.start(stage, *arguments)
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said
        return said


@pytest.fixture(scope="session")
def lora_with(tiny_params) -> Callable:
    """The tiny parameters of LoRA, without dropout, with changes: lora_with(r=4)."""
    return lambda **changes: tiny_params.lora.model_copy(update={"dropout": 0.0, **changes})


@pytest.fixture(scope="session")
def warm_server(tmp_path_factory) -> Iterator[WarmServer]:
    libraries = ""
    if "PYTEST_XDIST_WORKER" in os.environ:
        # The first process of pytest that needs them starts what all have the libraries from.
        shared = tmp_path_factory.getbasetemp().parent / "libraries"
        with FileLock(f"{shared}.lock"):
            if not shared.exists():
                shared.write_text(start_libraries(lives=os.getppid()))
        libraries = shared.read_text()
    server = WarmServer(libraries)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def make_stage_folder(parameter_values, tiny_base, pairs, places, warm_server) -> Callable[..., StageFolder]:
    """Make a folder with parameters, a base model, batches 01 and 02 (the same), and the test set.

    make_stage_folder(root, {"lora.r": 4}, copies=10): batches and test set have every image ten times.
    """
    from vqatune.tables import BATCH, IMAGES, PAIRS, TASKS, write_table

    def make(root: Path, changes: dict | None = None, copies: int = 1) -> StageFolder:
        values = copy.deepcopy(parameter_values)
        for changed, value in (TINY | (changes or {})).items():
            section, *middle, key = changed.split(".")
            place = values[section]
            for part in middle:
                place = place[part]
            place[key] = value
        (root / "models").mkdir(parents=True)
        (root / "params.yaml").write_text(yaml.safe_dump(values))
        (root / "models" / "base").symlink_to(tiny_base)
        batch = pd.concat([pairs.assign(copy=number) for number in range(copies)], ignore_index=True)
        batch["copy"] = batch["copy"].astype("int32")
        for number in ("01", "02"):
            write_table(batch, root / f"data/batches/{number}.parquet", BATCH)
        write_table(pairs, root / "data/train.parquet", PAIRS)
        views = [
            pairs.assign(**{name: pairs[name] + f"-{n}" for name in ("qa_id", "image_id")})
            for n in range(copies)
        ]
        write_table(pd.concat(views), root / "data/test.parquet", PAIRS)
        write_table(task_pairs(pairs), root / "data/tasks.parquet", TASKS)
        # The validation set: other names of the first two images.
        names = {name: pairs[name] + "-validation" for name in ("qa_id", "image_id")}
        validation = pairs[pairs["image_id"].isin(places["image_id"][:2])].assign(**names)
        write_table(validation, root / "data/validation.parquet", PAIRS)
        again = places[:2].assign(image_id=places["image_id"][:2] + "-validation")
        where = [
            places,
            again,
            *(places.assign(image_id=places["image_id"] + f"-{n}") for n in range(copies)),
        ]
        where = pd.concat(where).assign(path="", height=48, width=48)
        write_table(where, root / "data/extracted/images.parquet", IMAGES)
        return StageFolder(root, warm_server)

    return make


@pytest.fixture
def stage_folder(make_stage_folder, tmp_path) -> Callable[..., StageFolder]:
    """Make such a folder in tmp_path: stage_folder({"lora.r": 4}, name="other", copies=10)."""

    def make(changes: dict | None = None, name: str = "stages", copies: int = 1) -> StageFolder:
        return make_stage_folder(tmp_path / name, changes, copies)

    return make


@dataclass(frozen=True)
class Done:
    """What a command ended with."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict:
        def refuse(constant: str) -> None:
            raise ValueError(f"{constant} is no JSON")

        assert self.status == 0, self.err
        return json.loads(self.out, parse_constant=refuse)

    @property
    def error(self) -> str:
        """The one line that a failure says."""
        assert self.status == 1 and self.out == ""
        assert self.err.startswith("error: ") and self.err.count("\n") == 1, self.err
        return self.err.removeprefix("error: ").rstrip("\n")


@pytest.fixture
def vqatune(tmp_path, monkeypatch, capsys):
    """Run a command in tmp_path, in this process: an error that is not caught fails the test."""
    from vqatune.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        status = 0
        try:
            main(list(map(str, arguments)))
        except SystemExit as left:
            status = left.code
        return Done(status, *capsys.readouterr())

    return run


@pytest.fixture
def process(tmp_path, repository):
    """Run a command in tmp_path as a process of its own."""

    def run(*arguments: str, **variables: str) -> Done:
        environment = os.environ | {"PYTHONPATH": str(repository / "src"), "COLUMNS": "100"} | variables
        done = subprocess.run(
            [*COMMAND, *arguments],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            timeout=300,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run


@pytest.fixture
def warm_process(tmp_path, warm_server):
    """Run a command in tmp_path as a process that has the libraries already."""

    def run(*arguments: str) -> Done:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = Warm(warm_server, [*VQATUNE, *arguments], cwd=tmp_path, **pipes)
        said = process.communicate(timeout=300)
        return Done(process.returncode, *said)

    return run


@pytest.fixture
def file(tmp_path) -> Path:
    (tmp_path / "answers.csv").write_text(ANSWERS)
    return tmp_path / "answers.csv"


@pytest.fixture
def write(tmp_path):
    """A function that writes a file of that name and content and returns its path."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write
