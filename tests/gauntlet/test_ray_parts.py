"""Parts on a Ray cluster of three nodes: the bytes of a local run, whatever is killed, and errors in one line."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Thread

import pytest

from vqatune.errors import ClusterError, ParameterError
from vqatune.runtime.parts import map_parts

MODULE = """
import time
from pathlib import Path
from vqatune.tables import write_json

def square(number, folder, waits=frozenset()):
    with open(folder / "ran.txt", "a") as file:
        file.write(f"{number} ")
    deadline = time.monotonic() + 60
    while number in waits and not (folder / "go").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    write_json({"square": number * number}, folder / f"{number}.json")
    return {"square": number * number}
"""
"""Every node finds it, by the variable that a cluster's machines have for it."""
pytestmark = pytest.mark.slow
SMALL = {"num_cpus": 1, "object_store_memory": 80 * 1024**2}
PARTS = 6


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'vqatune[cluster]'")
    folder = tmp_path_factory.mktemp("modules")
    (folder / "ray_test_part.py").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        yield __import__("ray_test_part")
        del sys.modules["ray_test_part"]


@pytest.fixture(scope="module")
def cluster(module):
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=SMALL | {"include_dashboard": False})
    for _ in range(2):
        cluster.add_node(wait=False, **SMALL)
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """The folder that the parts write to."""
    # A head that is gone is waited for so long.
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parts").mkdir()
    return tmp_path / "parts"


def ran(folder: Path) -> list[str]:
    path = folder / "ran.txt"
    return sorted(path.read_text().split()) if path.exists() else []


@contextmanager
def when_begun(folder: Path, parts: int, action: Callable[[], None]) -> Iterator[None]:
    """Do something, in a thread, when so many parts have begun."""

    def act() -> None:
        deadline = time.monotonic() + 60
        while len(ran(folder)) < parts and time.monotonic() < deadline:
            time.sleep(0.05)
        action()

    thread = Thread(target=act)
    thread.start()
    yield
    thread.join()


def test_a_cluster_that_loses_a_node_writes_the_bytes_of_a_local_run(module, cluster, folder, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    node = next(iter(cluster.worker_nodes))
    # One at each node.
    function = partial(module.square, folder=folder, waits={0, 1, 2})

    def remove() -> None:
        cluster.remove_node(node, allow_graceful=False)
        (folder / "go").touch()

    with when_begun(folder, 3, remove):
        tallies = map_parts(function, PARTS, Path("done"), "squaring", "ray")
    # That of the killed node twice.
    assert len(ran(folder)) == PARTS + 1
    local = folder.with_name("local")
    local.mkdir()
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    assert map_parts(partial(module.square, folder=local), PARTS, Path("local-done"), "squaring") == tallies
    for ours, its in ((folder, local), (Path("done"), Path("local-done"))):
        written = {path.name: path.read_bytes() for path in ours.glob("*.json")}
        assert written == {path.name: path.read_bytes() for path in its.glob("*.json")}
        assert len(written) == PARTS


def test_a_node_with_another_version_is_an_error(module, cluster, folder, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    metadata = tmp_path / "older" / "pyarrow-1.0.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Metadata-Version: 2.1\nName: pyarrow\nVersion: 1.0\n")
    path = os.pathsep.join([str(tmp_path / "older"), os.environ["PYTHONPATH"]])
    node = cluster.add_node(**SMALL, env_vars={"PYTHONPATH": path})
    with pytest.raises(
        ClusterError, match=r"\(node [0-9a-f]{8}\): pyarrow is 1\.0 there and \d+\.[0-9.]+ here: install"
    ):
        map_parts(partial(module.square, folder=folder), PARTS, Path("done"), "squaring", "ray")
    assert ran(folder) == []
    cluster.remove_node(node, allow_graceful=False)


def test_a_lost_head_is_an_error_and_parts_that_are_done_stay_done(module, cluster, folder, monkeypatch):
    """The last of the cluster's: it has no head then."""
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    run = partial(map_parts, count=PARTS, done=Path("done"), description="squaring")
    function = partial(module.square, folder=folder, waits=set(range(2, PARTS)))
    with (
        pytest.raises(ClusterError, match=f"to Ray at {cluster.address} was lost .* run this again"),
        when_begun(folder, 4, lambda: cluster.remove_node(cluster.head_node, allow_graceful=False)),
    ):
        run(function, executor="ray")
    done = [path.stem.lstrip("0") or "0" for path in sorted(Path("done").glob("*.json"))]
    assert done == ["0", "1"]
    # What a node still has goes on, and does no harm.
    (folder / "go").touch()
    assert run(function) == [{"square": number * number} for number in range(PARTS)]
    assert [ran(folder).count(number) for number in done] == [1, 1]


def test_an_address_is_needed_at_which_there_is_a_cluster(module, folder, monkeypatch):
    function = partial(module.square, folder=folder)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with pytest.raises(ParameterError, match="set the environment variable RAY_ADDRESS to the address"):
        map_parts(function, PARTS, Path("done"), "squaring", "ray")
    # A port that nothing listens on.
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(ClusterError, match="there is no Ray at RAY_ADDRESS=127.0.0.1:1 "):
        map_parts(function, PARTS, Path("done"), "squaring", "ray")
