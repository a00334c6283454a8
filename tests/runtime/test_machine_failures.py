"""What libraries raise where the machine fails, as one line."""

import errno
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pytest
import torch

from vqatune.runtime.machine_failures import describe_failure

SAVE = {
    "open": "import pathlib; pathlib.Path('a').write_bytes(bytes(9000))",
    "arrow": "import pyarrow as pa, pyarrow.parquet as pq; pq.write_table(pa.table({'a': list(range(9000))}), 'a')",
    "pandas": "import pandas as pd; pd.DataFrame({'a': range(9000)}).to_csv('a')",
    "pillow": "from PIL import Image; Image.effect_noise((90, 90), 90).save('a.png')",
    "tokenizers": "from tokenizers import Tokenizer, models; "
    "Tokenizer(models.WordLevel({str(n): n for n in range(900)}, '0')).save('a')",
    "safetensors": "import torch; from safetensors.torch import save_file; save_file({'a': torch.zeros(900)}, 'a')",
    "sqlite": "import sqlite3; c = sqlite3.connect('b'); c.execute('CREATE TABLE t (b)'); "
    "c.execute('INSERT INTO t VALUES (zeroblob(9000))'); c.commit()",
}
"""Ways to write a file of more than 1,000 bytes."""
_LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from vqatune.runtime.machine_failures import describe_failure
for name, code in eval(sys.argv[1]).items():
    try:
        exec(code)
    except Exception as error:
        print(name, describe_failure(error, "split"), flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs RLIMIT_FSIZE")
def test_a_file_that_may_not_grow_is_one_line_whichever_library_writes_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, repr(SAVE)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    said = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert said.keys() == SAVE.keys()
    assert "the disk cannot be read or written" in said.pop("sqlite")
    assert all(
        "a file became larger than a file may be here: raise `ulimit -f`" in line for line in said.values()
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize(
    "write",
    [
        lambda: Path("/dev/full").write_bytes(b"a"),
        lambda: pa.OSFile("/dev/full", "wb").write(b"a"),
    ],
    ids=["open", "arrow"],
)
def test_a_full_disk_is_one_line(write):
    with pytest.raises(Exception) as caught:
        write()
    assert "no space is left on the disk: free some" in describe_failure(caught.value, "split")


def test_what_is_not_to_be_written_to_is_named(tmp_path):
    error = OSError(errno.EROFS, os.strerror(errno.EROFS), "/data/qa.parquet")
    assert describe_failure(error, "split").startswith("/data/qa.parquet: the file system is read-only: ")
    hidden = OSError(errno.EROFS, os.strerror(errno.EROFS), "models/.v3.0a1b2c3d")
    assert describe_failure(hidden, "train@v3").startswith("models/v3: the file system is read-only: ")
    (tmp_path / "a").write_bytes(b"")
    connection = sqlite3.connect(f"file:{tmp_path / 'a'}?mode=ro", uri=True)
    with closing(connection), pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("CREATE TABLE t (b)")
    assert "permission is denied" in describe_failure(caught.value, "generate")


@pytest.mark.parametrize(
    "allocate", [lambda: torch.zeros(10**15), lambda: pa.allocate_buffer(10**16), lambda: bytes(10**17)]
)
def test_too_little_memory_names_what_to_lower(allocate):
    with pytest.raises((MemoryError, RuntimeError)) as caught:
        allocate()
    assert describe_failure(caught.value, "train@v3").startswith(
        "the memory is not enough: lower train.max_pairs_per_step"
    )
    assert "set VQATUNE_WORKERS to 1" in describe_failure(caught.value, "filter")
    thread = pa.ArrowException(
        "Unknown error: Failed to launch worker thread: Resource temporarily unavailable"
    )
    # Pillow's while it writes into memory, and oneDNN's; that for a processor that lacks something has more words.
    others = (
        OSError("broken data stream when writing image file"),
        RuntimeError("could not create a primitive"),
    )
    for error in (thread, *others):
        assert "the memory is not enough" in describe_failure(error, "extract")
    unsupported = RuntimeError("could not create a primitive descriptor for a matmul primitive")
    assert describe_failure(unsupported, "train@v3") is None


def test_a_stage_without_the_memory_for_its_imports_is_one_line(repository, tmp_path):
    script = f"""
import resource, sys
from pathlib import Path
sys.argv[0], sys.path[:1] = "split.py", [{str(repository / "stages")!r}]
import common
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + (24 << 20),) * 2)
import torch
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith(
        "error in split: the memory is not enough"
    ), done.stderr


@pytest.mark.parametrize(
    "error", [KeyError("a"), RuntimeError("a bug"), FileNotFoundError(errno.ENOENT, "no", "a")]
)
def test_a_mistake_of_the_program_keeps_its_traceback(error):
    assert describe_failure(error, "split") is None
