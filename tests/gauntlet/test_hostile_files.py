"""Files of strangers with seeded edits: each ends in time, in little memory and offline, with one line or with success."""

import json
import re
import tarfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import hostile_runs
import pytest
from kill_cases import Run, recorded
from PIL import Image
from warm import RUN, VQATUNE, Warm

pytestmark = pytest.mark.slow

ONE_LINE = re.compile(r"error(?: in [\w@]+)?: .+")
LARGEST = 3500
"""MB of memory; the libraries alone have 550."""


def ask(root: Path, run: Run) -> None:
    Image.new("RGB", (32, 32), "red").save(root / "red.png")


def recorded_json(root: Path, run: Run) -> None:
    """Have the pairs as JSON with the pairs of each image, too."""
    recorded(root, run)
    run(VQATUNE[-1], "export-qa", "--format", "json-per-image", "pairs")
    (root / "recorded.json").write_bytes(min((root / "pairs").iterdir()).read_bytes())


def shards(root: Path, run: Run) -> None:
    """Write a WebDataset's tar: pictures, texts, and JSON about them."""
    with tarfile.open(root / "shard.tar", "w") as tar:
        for number in range(20):
            picture = BytesIO()
            Image.new("RGB", (32, 32), (number * 10, 0, 0)).save(picture, "JPEG")
            about = json.dumps({"color": "red", "id": number}).encode()
            for suffix, content in (("jpg", picture.getvalue()), ("json", about), ("txt", b"a red square")):
                member = tarfile.TarInfo(f"{number:04d}.{suffix}")
                member.size = len(content)
                tar.addfile(member, BytesIO(content))


@dataclass(frozen=True)
class Part:
    """Files that are edited, and who reads them."""

    files: list[tuple[str, str]]
    command: list[str]
    count: int
    prepare: Callable[[Path, Run], None] = lambda root, run: None
    params: dict = field(default_factory=dict)
    imports: tuple[str, ...] = ()


_ASK = [VQATUNE[-1], "ask", "red.png", "what color is it?", "--version", "v1", "--json"]
_READ = ("vqatune.cli.ask", "vqatune.inference.answering.answerer", "vqatune.models.families.blip")
_JSON = (
    "config.json",
    "generation_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
PARTS = {
    "base's JSON": Part([(f"models/base/{name}", "json") for name in _JSON], _ASK, 120, ask, imports=_READ),
    "adapter's JSON": Part(
        [(f"models/v1/{name}", "json") for name in ("adapter_config.json", *_JSON[2:])],
        _ASK,
        100,
        ask,
        imports=_READ,
    ),
    "model files": Part(
        [
            *((f"models/base/{name}", "bytes") for name in (*_JSON, "model.safetensors")),
            *(
                (f"models/v1/{name}", "bytes")
                for name in ("adapter_config.json", "adapter_model.safetensors")
            ),
        ],
        _ASK,
        80,
        ask,
        imports=_READ,
    ),
    "safetensors": Part(
        [
            ("models/base/model.safetensors", "safetensors"),
            ("models/v1/adapter_model.safetensors", "safetensors"),
        ],
        _ASK,
        80,
        ask,
        imports=_READ,
    ),
    "recorded CSV": Part(
        [("recorded.csv", "bytes")],
        ["stages/generate.py"],
        40,
        recorded,
        {"generate.provider": "recorded", "generate.path": "recorded.csv"},
    ),
    "recorded JSON": Part(
        [("recorded.json", "json"), ("recorded.json", "bytes")],
        ["stages/generate.py"],
        60,
        recorded_json,
        {"generate.provider": "recorded", "generate.path": "recorded.json"},
    ),
    "tar": Part(
        [("shard.tar", "bytes")],
        ["stages/extract.py"],
        40,
        shards,
        {"raw.source": "tars", "raw.pictures": "shard.tar"},
    ),
    "params.yaml": Part([("params.yaml", "yaml")], ["stages/sample.py"], 150),
}


@pytest.mark.parametrize("name", PARTS)
def test_a_hostile_file_is_read_or_refused_in_one_line(name, project, warm_server, counted):
    part, counts, root = PARTS[name], Counter(), project.root
    part.prepare(root, lambda *command: project.run(*RUN, *command))
    project.set_params(part.params)
    jobs = {"seed": name, "count": part.count, "files": part.files, "command": part.command}
    jobs |= {"imports": part.imports}
    (root.parent / "jobs.json").write_text(json.dumps(jobs))
    result = root.parent / "result.jsonl"
    command = [*RUN, hostile_runs.__file__, str(root.parent / "jobs.json"), str(result)]
    environment = project.environment | {"PYTHONPATH": str(root / "src")}
    assert Warm(warm_server, command, cwd=root, env=environment).wait(timeout=600) == 0
    told = [json.loads(line) for line in result.read_text().splitlines()]
    assert len(told) == part.count
    assert [problem for each in told if (problem := wrong(each))] == []
    counts["edited files"] = len(told)
    counts["refused"] = sum(each["status"] == 1 for each in told)
    counts["largest memory, MB"] = max(each["memory"] for each in told)
    counts["longest, hundredths of a second"] = round(100 * max(each["seconds"] for each in told))
    assert counts["refused"] >= part.count // 10
    counted("hostile files", name, counts)


def wrong(told: dict) -> dict | None:
    """Return what is told of a run that did not end as it should; None of others."""
    lines = told["said"].splitlines()
    errors = [line for line in lines if line.startswith("error")]
    refused = told["status"] == 1 and len(errors) == 1 and ONE_LINE.fullmatch(lines[-1])
    well = (refused or told["status"] == 0 and not errors) and "Traceback" not in told["said"]
    fine = well and told["memory"] <= LARGEST and len(told["said"]) < 20_000
    return None if fine else told | {"said": told["said"][-1500:]}
