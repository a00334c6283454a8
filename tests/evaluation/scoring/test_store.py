"""Scores that are kept: shared by processes, taken up after a crash, and never trusted where they are damaged."""

import io
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, redirect_stderr
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqatune.evaluation import Scores, score
from vqatune.evaluation.scoring.scorers import make_scorer
from vqatune.evaluation.scoring.store import ScoreStore
from vqatune.params import BertscoreParams, EvalParams

_METRICS = ["exact_match", "bleu", "token_overlap", "fuzzy"]
_PARAMS = EvalParams(resamples=5)
_WORDS = ["red", "dark", "sofa", "2", "None", "木"]
_FRAME = pd.DataFrame(
    [
        (f"{first} {second}", [f"{second} {third}", first])
        for first in _WORDS
        for second in _WORDS
        for third in _WORDS
    ],
    columns=["prediction", "references"],
)


def _score(frame: pd.DataFrame, folder: Path | None) -> Scores:
    return score(frame, _METRICS, params=_PARAMS, store=folder)


def _file(folder: Path) -> Path:
    """The one file of scores by text metrics; nothing lies beside it."""
    (path,) = folder.glob("*.sqlite")
    return path


def _rows(path: Path) -> int:
    with closing(sqlite3.connect(path, timeout=60)) as connection:
        return connection.execute("SELECT count(*) FROM kept").fetchone()[0]


def _text_store(folder: Path) -> tuple[ScoreStore, int]:
    """What `score` itself keeps the scores of texts in, and how many a pair has."""
    scorer = make_scorer("text", _PARAMS, None)
    return ScoreStore(folder, scorer.name, scorer.key, len(scorer.metrics)), len(scorer.metrics)


def _same(ours: Scores, theirs: Scores) -> bool:
    return ours.totals.equals(theirs.totals) and ours.pairs[_METRICS].equals(theirs.pairs[_METRICS])


@pytest.fixture(scope="module")
def fresh() -> Scores:
    return _score(_FRAME, None)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> bytes:
    """The bytes of a file that holds the scores of most pairs, so that it is read and written to."""
    folder = tmp_path_factory.mktemp("written")
    _score(_FRAME.head(-16), folder)
    return _file(folder).read_bytes()


@pytest.fixture(scope="module")
def scored_with(tmp_path_factory, fresh):
    """Score all pairs with a file of these bytes in the store; return the scores and what was said."""
    folder = tmp_path_factory.mktemp("damaged")
    _score(_FRAME.head(1), folder)
    path = _file(folder)

    def scored(content: bytes) -> tuple[Scores, str]:
        path.write_bytes(content)
        with redirect_stderr(io.StringIO()) as said:
            first = _score(_FRAME, folder)
        assert _same(_score(_FRAME, folder), first) and _file(folder) == path
        return first, said.getvalue()

    return scored


def test_scores_are_the_same_with_and_without_what_was_kept(tmp_path, fresh):
    assert _same(_score(_FRAME, tmp_path / "empty"), fresh)
    assert _same(_score(_FRAME, tmp_path / "empty"), fresh)
    # Some of the pairs, and others.
    _score(_FRAME.sample(100, random_state=1).assign(prediction="blue"), tmp_path / "others")
    _score(_FRAME.sample(50, random_state=2), tmp_path / "others")
    assert _same(_score(_FRAME, tmp_path / "others"), fresh)


def test_a_pair_is_scored_once_and_then_read(tmp_path):
    _score(_FRAME.head(10), tmp_path)
    store, columns = _text_store(tmp_path)
    known = [(row.prediction, tuple(row.references)) for row in _FRAME.head(10).itertuples()]
    store.write(known, np.full((10, columns), 0.125))
    pairs = _score(pd.concat([_FRAME.head(20), _FRAME.head(20)]), tmp_path).pairs
    read = (pairs[_METRICS] == 0.125).all(axis=1).to_numpy()
    assert read.tolist() == 2 * (10 * [True] + 10 * [False])
    assert _rows(_file(tmp_path)) == 20


def test_what_was_written_is_read_to_the_bit_and_nothing_else_is(tmp_path):
    store = ScoreStore(tmp_path, "text", "k", 2)
    pairs = [("a", ("b",)), ("a", ("b", "c")), ("", ("",)), ("\ud800", ("🛋 '\n",)), ("long " * 2000, ("ab",))]
    scores = np.array([[0.1, np.nan], [1 / 3, -0.0], [-7.25, 5e-324], [np.inf, 1.0], [0.0, 2.0]])
    store.write(pairs, scores)
    store.write(pairs[:1], scores[:1])
    asked = [("b", ("a",)), *pairs[::-1], ("a", ("c", "b")), ("a", ())]
    read, known = ScoreStore(tmp_path, "text", "k", 2).read(asked)
    assert known.tolist() == [False, True, True, True, True, True, False, False]
    assert read[known].tobytes() == scores[::-1].tobytes()
    assert np.isnan(read[~known]).all()


def test_scores_under_another_key_are_not_trusted(tmp_path):
    pair = [("a", ("b",))]
    ScoreStore(tmp_path, "text", "old", 1).write(pair, np.ones((1, 1)))
    assert not ScoreStore(tmp_path, "text", "new", 1).read(pair)[1].any()
    assert not ScoreStore(tmp_path, "sbert", "old", 1).read(pair)[1].any()
    assert {path.stem for path in tmp_path.glob("*.sqlite")} == {"text-old", "text-new", "sbert-old"}
    # As many numbers as there are metrics, or it is no row.
    assert not ScoreStore(tmp_path, "text", "old", 2).read(pair)[1].any()


def test_another_layer_of_a_model_is_another_key():
    keys = [
        make_scorer("bertscore", EvalParams(bertscore=BertscoreParams(layer=layer)), None).key
        for layer in (5, 4, 5)
    ]
    assert keys[0] == keys[2] != keys[1]


def test_a_row_that_is_no_row_of_scores_is_not_used(tmp_path):
    store, pairs = ScoreStore(tmp_path, "text", "k", 1), [("a", ("b",))]
    for damage in ("NULL", "7", "CAST(x'ff' AS TEXT)", "x''", "CAST(content || x'ff' AS TEXT)"):
        store.write(pairs, np.ones((1, 1)))
        with closing(sqlite3.connect(_file(tmp_path))) as connection, connection:
            connection.execute(f"UPDATE kept SET content = {damage}")
        assert not store.read(pairs)[1].any()


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_a_flipped_bit_changes_no_score(data, written, scored_with, fresh):
    damaged = bytearray(written)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(written) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    scores, said = scored_with(bytes(damaged))
    assert _same(scores, fresh)
    assert said == "" or re.fullmatch(r"\S+ is damaged \(.*\): what it held is computed again\n", said)


def test_a_flipped_bit_in_what_describes_the_file_is_survived(tmp_path):
    pairs, scores = [("a", ("b",)), ("c", ("d",))], np.array([[0.25], [0.75]])
    ScoreStore(tmp_path, "text", "k", 1).write(pairs[:1], scores[:1])
    path = _file(tmp_path)
    content = path.read_bytes()
    table = content.index(b"CREATE TABLE")
    for place in [*range(100), *range(table - 20, content.index(b"ROWID", table) + 5)]:
        # Every place, and every bit, but not every bit of every place.
        for bit in (place % 8, (place + 4) % 8):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            with redirect_stderr(io.StringIO()):
                store = ScoreStore(tmp_path, "text", "k", 1)
                read, known = store.read(pairs)
                assert (read[known] == scores[known]).all()
                store.write(pairs, scores)
            assert store.read(pairs)[0].tolist() == scores.tolist()


def test_scores_that_were_changed_in_the_middle_of_the_file_are_not_used(written, scored_with, fresh):
    perfect = np.array(1.0, dtype="<f8").tobytes()
    assert written.count(perfect) > 100
    assert _same(scored_with(written.replace(perfect, np.array(0.5, dtype="<f8").tobytes()))[0], fresh)


@pytest.mark.parametrize(
    "spoil",
    [lambda content: b"no database" * 1000, lambda content: content[100:], lambda content: content[:5000]],
)
def test_a_file_that_is_no_database_is_made_anew_and_that_is_said(spoil, written, scored_with, fresh):
    scores, said = scored_with(spoil(written))
    assert _same(scores, fresh)
    assert "is damaged" in said and "what it held is computed again" in said and said.count("\n") == 1
    # Nothing more to say once it is whole.
    assert scored_with(written)[1] == ""


def test_a_file_cut_short_anywhere_gives_the_same_scores(written, scored_with, fresh):
    for length in [0, 1, 15, 16, 99, 100, 511, 512, 4095, 4096, len(written) // 2, len(written) - 1]:
        assert _same(scored_with(written[:length])[0], fresh)


def test_a_folder_that_cannot_be_used_is_one_clear_line_and_scores_are_the_same(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    expected = _score(_FRAME.head(2), tmp_path / "store")
    path = _file(tmp_path / "store")
    path.unlink()
    path.mkdir()
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/store"), path.parent):
        caplog.clear()
        assert _same(_score(_FRAME.head(2), folder), expected)
        assert caplog.messages
        for line in caplog.messages:
            assert re.search(f"{folder}.* cannot be used .*can be written to", line) and "\n" not in line


def test_a_store_that_is_deleted_while_it_is_used_is_made_anew(tmp_path):
    store, pair = ScoreStore(tmp_path / "store", "text", "k", 1), [("a", ("b",))]
    shutil.rmtree(tmp_path / "store")
    assert not store.read(pair)[1].any()
    store.write(pair, np.ones((1, 1)))
    assert ScoreStore(tmp_path / "store", "text", "k", 1).read(pair)[1].all()


_WRITE = """
import sys, time
from pathlib import Path
import numpy as np
from vqatune.evaluation.scoring.store import ScoreStore
folder, first, last = Path(sys.argv[1]), *map(int, sys.argv[2:])
print("ready", flush=True)
sys.stdin.readline()
store = ScoreStore(folder, "text", "k", 1)
for number in range(first, last, 10):
    numbers = range(number, number + 10)
    store.write([(str(n), ("r",)) for n in numbers], np.array(numbers)[:, None])
    asked = range(first, number + 10)
    scores, known = store.read([(str(n), ("r",)) for n in asked])
    assert known.all() and (scores[:, 0] == asked).all()
    print(number + 10, flush=True)
"""


def _writer(folder: Path, first: int, last: int) -> subprocess.Popen:
    """A process that, once told to, writes ten rows at a time and reads; it says how far it is."""
    command = [sys.executable, "-c", _WRITE, str(folder), str(first), str(last)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, text=True, **pipes)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("content", [None, b"no database" * 1000])
def test_processes_that_use_a_file_at_once_lose_no_row(tmp_path, content):
    if content:
        (tmp_path / "text-k.sqlite").write_bytes(content)
    processes = [_writer(tmp_path, first, first + 500) for first in (0, 250, 500)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    scores, known = ScoreStore(tmp_path, "text", "k", 1).read([(str(n), ("r",)) for n in range(1000)])
    assert known.all() and (scores[:, 0] == np.arange(1000)).all()
    assert "".join(said).count("is damaged") == (1 if content else 0)


def test_a_process_that_is_killed_loses_no_row_that_it_wrote(tmp_path):
    for number in range(3):
        process = _writer(tmp_path, number * 100_000, number * 100_000 + 100_000)
        process.stdin.write("go\n")
        process.stdin.flush()
        done = [int(process.stdout.readline()) for _ in range(20 + number)][-1]
        process.kill()
        process.communicate(timeout=60)
        store = ScoreStore(tmp_path, "text", "k", 1)
        assert store.read([(str(n), ("r",)) for n in range(number * 100_000, done)])[1].all()


_SCORE = """
import sys, pandas
from pathlib import Path
from vqatune.evaluation import score
frame = pandas.DataFrame({"prediction": map(str, range(30_000)), "references": ""})
score(frame, ["exact_match"], store=Path(sys.argv[1]))
"""


def test_scoring_that_is_killed_goes_on_where_it_was(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", _SCORE, str(tmp_path)])
    store, columns = _text_store(tmp_path)
    pairs = [(str(number), ("",)) for number in range(30_000)]
    while not store.read(pairs[:1])[1].all():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    known = store.read(pairs)[1]
    assert 0 < known.sum() < 30_000
    # Marked, so that it shows whether they are read or scored again.
    store.write(
        [pair for pair, is_ in zip(pairs, known, strict=True) if is_], np.full((known.sum(), columns), 0.5)
    )
    frame = pd.DataFrame({"prediction": map(str, range(30_000)), "references": ""})
    found = score(frame, ["exact_match"], store=tmp_path, params=_PARAMS).pairs["exact_match"]
    assert found.tolist() == np.where(known, 0.5, 0.0).tolist()
    assert _rows(_file(tmp_path)) == 30_000
