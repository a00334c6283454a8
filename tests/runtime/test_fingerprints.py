import pandas as pd

from vqatune.runtime.fingerprints import digest_contents, digest_folder, digest_table, make_key


def test_a_key_depends_on_every_part_and_not_on_their_order():
    key = make_key(version="v1", seed=13)
    assert key == make_key(seed=13, version="v1") and len(key) == 32
    assert len({key, make_key(version="v2", seed=13), make_key(version="v1", seed=14), make_key()}) == 4


def test_a_table_is_known_by_its_columns_and_the_order_of_its_rows():
    frame = pd.DataFrame({"question": ["a", "b"], "answer": ["c", "d"], "other": [1, 2]})
    digest = digest_table(frame, ["question", "answer"])
    assert digest == digest_table(frame.assign(other=0), ["question", "answer"])
    assert digest != digest_table(frame.iloc[::-1], ["question", "answer"])
    moved = pd.DataFrame({"question": ["a", "b", "c"], "answer": ["d", "", ""]})
    assert digest != digest_table(moved, ["question", "answer"])


def test_contents_and_folders_are_known_by_what_they_hold_and_where(tmp_path):
    assert digest_contents([b"ab", b"c"]) != digest_contents([b"a", b"bc"])
    (tmp_path / "one").write_text("text")
    before = digest_folder(tmp_path)
    (tmp_path / "one").rename(tmp_path / "two")
    assert digest_folder(tmp_path) != before
