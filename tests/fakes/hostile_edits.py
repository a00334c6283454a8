"""Seeded edits of files, as a stranger or a damaged disk makes them."""

import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

DEEP = "[" * 100_000 + "]" * 100_000
_HANGS = r"(\w|\.|\w\.)+!"
VALUES: list[Any] = [
    *(None, True, False, -1, 0, 1, 2**31, 10**9, 10**30, -(10**30), 1e308, 1e-308, 0.5),
    *(float("nan"), float("inf"), "", "0", "x" * 10**6, "\x00", "\ud800", "\x1b[31m", "../../../etc/passwd"),
    *(
        "/etc/passwd",
        "nobody/has-this",
        "https://example.com/x",
        _HANGS,
        "(a+)+$",
        "{{ 7 * 7 }}",
        "__class__",
    ),
    *(
        [],
        {},
        [[]],
        [0] * 10**5,
        ["x"] * 10**5,
        {"x": {}},
        {str(n): n for n in range(10**4)},
        [None],
        [_HANGS],
    ),
]
"""What takes the place of a value."""
NAMES = ("auto_map", "trust_remote_code", "__class__", "x" * 10**5, "", "dtype", "from_pretrained", "\x00")
"""Names that are added."""
Edit = Callable[[Path, random.Random], str]
"""Changes a file and returns in words how."""


def edit_json(path: Path, draw: random.Random) -> str:
    """Replace, remove or add a value anywhere in a JSON file, or nest it 100,000 deep."""
    values = json.loads(path.read_text())
    places = list(_places(values))
    place, what = draw.choice(places), draw.random()
    inner = values
    for name in place[:-1]:
        inner = inner[name]
    if what < 0.1:
        inner[place[-1]] = "DEEP"
        path.write_text(json.dumps(values).replace('"DEEP"', DEEP, 1))
        return f"{'.'.join(map(str, place))} nested 100,000 deep"
    if what < 0.2:
        del inner[place[-1]]
        said = f"{'.'.join(map(str, place))} removed"
    elif what < 0.3 and isinstance(values, dict):
        name, value = draw.choice(NAMES), draw.choice(VALUES)
        (inner if isinstance(inner, dict) else values)[name] = value
        said = f"{name[:40]!r} = {str(value)[:60]!r} added beside {'.'.join(map(str, place))}"
    else:
        value = draw.choice(VALUES)
        inner[place[-1]] = value
        said = f"{'.'.join(map(str, place))} = {str(value)[:60]!r}"
    path.write_text(json.dumps(values))
    return said


def _places(values: Any, before: tuple = ()) -> list[tuple]:
    """Return the places of all values in nested lists and dictionaries; of a long list, those of its ends."""
    if isinstance(values, dict):
        names: list = list(values)
    elif isinstance(values, list):
        names = [*range(min(3, len(values)))]
    else:
        return []
    if len(names) > 200:
        names = names[:100] + names[-100:]
    return [each for name in names for each in [(*before, name), *_places(values[name], (*before, name))]]


def edit_bytes(path: Path, draw: random.Random) -> str:
    """Cut a file, change or insert bytes anywhere, empty it, or put something else in its place."""
    content, what = bytearray(path.read_bytes()), draw.randrange(7)
    place = draw.randrange(len(content) or 1)
    if what == 0:
        path.write_bytes(content[:place])
        return f"cut at byte {place:,}"
    if what == 1:
        for _ in range(20):
            content[draw.randrange(len(content))] = draw.randrange(256)
        path.write_bytes(content)
        return "20 bytes changed"
    if what == 2:
        content[place:place] = draw.randbytes(1000)
        path.write_bytes(content)
        return f"1,000 bytes inserted at byte {place:,}"
    if what == 3:
        path.write_bytes(b"")
        return "emptied"
    if what == 4:
        path.write_text(DEEP)
        return "lists, 100,000 deep"
    if what == 5:
        path.write_bytes(draw.randbytes(5000))
        return "5,000 random bytes"
    with path.open("ab") as file:
        file.truncate(3 * 10**9)
    return "3 GB of zeros, which take no room, appended"


def edit_safetensors(path: Path, draw: random.Random) -> str:
    """Change the header of a safetensors file: its length, a type, a shape or a place."""
    content = path.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    header, rest = json.loads(content[8 : 8 + length]), content[8 + length :]
    name, what = draw.choice([each for each in header if each != "__metadata__"]), draw.randrange(7)
    said = f"{name}: "
    if what == 0:
        number = draw.choice([0, 1, 2**63, 2**64 - 1, 10**8 + 1, len(content)])
        path.write_bytes(struct.pack("<Q", number) + content[8:])
        return f"a header of {number:,} bytes"
    if what == 1:
        header[name]["dtype"] = draw.choice(["F64", "BOOL", "F8_E4M3", "X", 5, None])
    elif what == 2:
        header[name]["shape"] = draw.choice([[], [0], [2**40, 2**40], [-1], [10**9], "x", [1] * 10**5])
    elif what == 3:
        header[name]["data_offsets"] = draw.choice(
            [[0, 0], [5, 1], [0, 2**63], [-4, 0], [0], "x", [2**64, 2**64]]
        )
    elif what == 4:
        del header[name]
    elif what == 5:
        header[draw.choice(NAMES)] = header.pop(name)
    else:
        header["__metadata__"] = draw.choice(VALUES)
    text = json.dumps(header).encode("utf-8", "replace")
    path.write_bytes(struct.pack("<Q", len(text)) + text + rest)
    return (
        said + ("another dtype", "another shape", "another place", "removed", "renamed", "metadata")[what - 1]
    )


def edit_yaml(path: Path, draw: random.Random) -> str:
    """Put something else in the place of the value in a line, or change bytes."""
    if draw.random() < 0.2:
        return edit_bytes(path, draw)
    lines = path.read_text().splitlines()
    values = [number for number, line in enumerate(lines) if ": " in line and "#" not in line.split(":")[0]]
    number = draw.choice(values)
    name = lines[number].split(": ")[0]
    texts = [
        "",
        "~",
        "[" * 1000,
        "&a [*a]",
        "!!python/object/apply:os.system [id]",
        "1e999",
        "0x" + "f" * 400,
    ]
    texts += [
        "2001-01-01",
        "'\\x00'",
        "-1",
        "1_0:30",
        "{a: b}",
        "[[]]",
        "yes",
        ".nan",
        "x" * 10**6,
        "9" * 5000,
    ]
    texts += [
        json.dumps(_HANGS),
        "../../../etc/passwd",
        "- a",
        "? [a]",
        "*missing",
        "\t",
        "\x1b[31m",
        "[1, 2",
    ]
    value = draw.choice(texts)
    lines[number] = f"{name}: {value}"
    path.write_text("\n".join(lines) + "\n")
    return f"{name.strip()}: {value[:60]!r}"
