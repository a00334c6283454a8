import pytest

from vqatune.params import FilterParams
from vqatune.runtime.working_folder import working_folder

MODULE = "vqatune.tables.parts"


def left(folder):
    return sorted(path.name for path in folder.glob("*/*"))


def test_work_that_was_cut_short_is_found_again_by_the_same_work_alone(tmp_path):
    source, folder = tmp_path / "source", tmp_path / "work"
    source.write_text("one")
    with pytest.raises(RuntimeError), working_folder(folder, MODULE, [FilterParams(), 2], source) as work:
        (work / "part").touch()
        raise RuntimeError
    with working_folder(folder, MODULE, [FilterParams(), 2], source) as work:
        assert (work / "part").exists()
        kept = work
    assert not folder.exists()
    kept.mkdir(parents=True)
    (kept / "part").touch()
    for params, content in (([FilterParams(), 3], "one"), ([FilterParams(), 2], "another")):
        source.write_text(content)
        with pytest.raises(RuntimeError), working_folder(folder, MODULE, params, source) as work:
            assert work != kept and left(folder) == []
            raise RuntimeError


def test_of_work_that_ended_nothing_is_taken_for_done_when_its_removal_is_cut_short(tmp_path, monkeypatch):
    folder = tmp_path / "work"
    with (
        pytest.raises(KeyboardInterrupt),
        monkeypatch.context() as patch,
        working_folder(folder, MODULE, [1]) as work,
    ):
        (work / "part").touch()
        patch.setattr("shutil.rmtree", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
    with working_folder(folder, MODULE, [1]) as work:
        assert left(folder) == []
