"""The pairs that several files of predictions have in common."""

import unicodedata

import pytest

from vqatune.errors import DataError
from vqatune.evaluation.comparison.prediction_files import shared_pairs
from vqatune.evaluation.prediction_files.reading import read_predictions


@pytest.fixture
def files(write):
    """Write CSVs and read them: name → file."""

    def read(*contents: str):
        named = {f"{letter}.csv": content for letter, content in zip("abc", contents, strict=False)}
        return {name: read_predictions(write(name, content)) for name, content in named.items()}

    return read


def _predictions(shared) -> dict[str, list[str]]:
    return {name: list(frame["prediction"]) for name, frame in shared.frames.items()}


def test_pairs_are_found_by_their_id_in_any_order_and_the_others_are_counted(files):
    shared = shared_pairs(
        files(
            "question_id,pred,gt\n1,a1,x\n2,a2,x\n3,a3,x\n4,a4,x\n",
            "gt,pred,Question-ID\nx,b3,3\nx,b5,5\ny,b2,2\nx,b1,1\n",
            "question_id,pred,gt\n1,c1,x\n2,c2,x\n3,c3,x\n4,c4,x\n5,c5,x\n",
        )
    )
    assert _predictions(shared) == {"a.csv": ["a1", "a3"], "b.csv": ["b1", "b3"], "c.csv": ["c1", "c3"]}
    assert shared.identity == ["question_id"]
    elsewhere = "with another question or other references elsewhere"
    assert shared.notes == [
        "pairs are found by question_id = Question-ID: 2 are in all files",
        f"a.csv: 2 of 4 pairs left out: 1 not in b.csv, 1 {elsewhere}",
        f"b.csv: 2 of 4 pairs left out: 1 not in a.csv, 1 {elsewhere}",
        f"c.csv: 3 of 5 pairs left out: 1 not in a.csv, 1 not in b.csv, 1 {elsewhere}",
    ]


def test_without_ids_pairs_are_found_by_image_and_question(files):
    shared = shared_pairs(
        files(
            "image,question,pred,gt\ni1,what?,a1,x\ni1,who?,a2,x\n",
            "image,question,pred,gt\ni1,who?,b2,x\ni2,what?,b3,x\n",
        )
    )
    assert _predictions(shared) == {"a.csv": ["a2"], "b.csv": ["b2"]}
    assert shared.identity == ["image_id", "question"]


def test_without_images_pairs_are_found_by_their_place_where_the_references_are_the_same(files):
    shared = shared_pairs(files("pred,gt\na1,x\na2,y\n", "pred,gt\nb1,x\nb2,y\n"))
    assert _predictions(shared) == {"a.csv": ["a1", "a2"], "b.csv": ["b1", "b2"]}
    with pytest.raises(DataError, match="a.csv, b.csv share no column of ids .*--on NAME"):
        shared_pairs(files("pred,gt\na1,x\na2,y\n", "pred,gt\nb2,y\nb1,x\n"))


def test_a_guessed_column_of_ids_that_repeat_is_not_used(files):
    shared = shared_pairs(
        files("id,index,pred,gt\n1,1,a1,x\n1,2,a2,x\n", "id,index,pred,gt\n1,2,b2,x\n1,1,b1,x\n")
    )
    assert _predictions(shared) == {"a.csv": ["a1", "a2"], "b.csv": ["b1", "b2"]}
    assert shared.identity == ["index"]


def test_the_column_of_ids_may_be_named(files):
    both = files("id,nr,pred,gt\n1,2,a2,x\n2,1,a1,x\n", "id,nr,pred,gt\n1,1,b1,x\n2,2,b2,x\n")
    assert _predictions(shared_pairs(both, "nr")) == {"a.csv": ["a2", "a1"], "b.csv": ["b2", "b1"]}
    with pytest.raises(DataError, match=r"a.csv has no column 'key' \(--on\): its columns: "):
        shared_pairs(both, "key")
    with pytest.raises(DataError, match="a.csv has the gt 'x' more than once"):
        shared_pairs(both, "gt")


def test_texts_are_the_same_however_their_accents_are_typed(files):
    first, second = (unicodedata.normalize(form, "id,pred,gt\né,x,crème\n") for form in ("NFC", "NFD"))
    assert len(shared_pairs(files(first, second)).frames["a.csv"]) == 1


def test_the_order_of_references_is_of_no_matter(files):
    shared = shared_pairs(
        files('id,pred,gt\n1,x,"[""red"",""navy""]"\n', 'id,pred,gt\n1,x,"[""navy"",""red""]"\n')
    )
    assert len(shared.frames["b.csv"]) == 1


def test_a_reference_that_is_there_twice_is_another_list_of_references(files):
    once, twice = (
        'id,pred,gt\n1,x,"[""red"",""navy""]"\n2,x,y\n',
        'id,pred,gt\n1,x,"[""red"",""red"",""navy""]"\n2,x,y\n',
    )
    assert len(shared_pairs(files(once, twice)).frames["a.csv"]) == 1


def test_images_and_difficulties_are_those_of_the_first_file_that_has_them(files):
    shared = shared_pairs(
        files(
            "id,pred,gt\n1,x,x\n2,x,x\n",
            "id,image,pred,gt,difficulty\n2,i2,x,x,3\n1,i1,x,x,1\n",
            "id,image,pred,gt\n1,j1,x,x\n2,j2,x,x\n",
        )
    )
    for frame in shared.frames.values():
        assert list(frame["image_id"]) == ["i1", "i2"] and list(frame["difficulty"]) == [1, 3]


def test_files_without_a_pair_in_common_are_an_error(files):
    with pytest.raises(DataError, match="no pair is in all of a.csv, b.csv with the same references .by id."):
        shared_pairs(files("id,pred,gt\n1,x,x\n", "id,pred,gt\n2,x,x\n"))
