import numpy as np
import pandas as pd
import pytest
import torch

from vqatune.dataset.loader import Encoder, ImageReader, batches, image_groups
from vqatune.errors import DataError
from vqatune.models.checkpoint import load_processor


@pytest.fixture(scope="module")
def encoder(tiny_base) -> Encoder:
    return Encoder(load_processor(tiny_base))


def test_pictures_are_read_from_the_archive_by_position(places):
    reader = ImageReader(places.sample(frac=1, random_state=1))
    sizes = {reader.read(image_id).size for image_id in places["image_id"]}
    assert all(max(size) == 48 for size in sizes) and len(sizes) > 1
    assert reader.read("image00").mode == "RGB"


def test_a_picture_that_is_nowhere_or_does_not_open_is_named(places, tmp_path):
    with pytest.raises(DataError, match="image nowhere has questions but no place"):
        ImageReader(places).read("nowhere")
    with pytest.raises(DataError, match="image image03 in .* at byte .* does not open"):
        ImageReader(places.assign(length=40)).read("image03")
    with pytest.raises(DataError, match="gone.tar does not exist"):
        ImageReader(places.assign(archive=str(tmp_path / "gone.tar"))).read("image03")


def test_an_image_and_its_copies_are_groups_of_their_own(pairs):
    twice = pd.concat([pairs.head(3), pairs.head(3).assign(copy=1)], ignore_index=True)
    assert [group.tolist() for group in image_groups(twice)] == [[0], [1, 2], [3], [4, 5]]
    assert image_groups(pairs.iloc[:0]) == []


@pytest.mark.parametrize("images_per_step", [1, 5, 100])
def test_every_pair_comes_once_beside_the_others_of_its_image(places, pairs, encoder, images_per_step):
    seen = []
    for rows, batch in batches(pairs, ImageReader(places), encoder, images_per_step, answers=True):
        seen += rows.tolist()
        assert len(batch.pixel_values) <= images_per_step
        images = pairs["image_id"].iloc[rows].tolist()
        assert len(set(images)) == len(batch.pixel_values)
        assert (np.diff(batch.image_index) >= 0).all()
        for pair, row in enumerate(rows):
            expected = encoder.images([ImageReader(places).read(images[pair])])[0]
            assert torch.equal(batch.pixel_values[batch.image_index[pair]], expected)
            answer = batch.answer_ids[pair][batch.answer_mask[pair]]
            assert encoder.decode(answer[None]) == [pairs["answer"].iloc[row]]
    assert seen == list(range(len(pairs)))


def test_texts_become_what_blip_was_trained_on(encoder):
    tokenizer = encoder.processor.tokenizer
    ids, mask = encoder.questions(["is it red?", "what color is it?"])
    assert tokenizer.convert_ids_to_tokens(ids[1]) == ["[ENC]", "what", "color", "is", "it", "?", "[SEP]"]
    assert mask.sum(1).tolist() == [len(tokenizer("is it red?").input_ids), 7]
    assert (ids[~mask] == tokenizer.pad_token_id).all()
    ids, mask = encoder.answers(["red", "3"])
    assert tokenizer.convert_ids_to_tokens(ids[0]) == ["[DEC]", "red", "[SEP]"]
    assert mask.all()


def test_a_word_that_the_vocabulary_lacks_is_spelled(encoder):
    ids, _ = encoder.answers(["turquoise"])
    assert encoder.decode(ids) == ["turquoise"]
    assert encoder.processor.tokenizer.unk_token_id not in ids


def test_an_endless_question_is_cut(encoder):
    ids, mask = encoder.questions(["red " * 1000])
    assert ids.shape == (1, 128) and mask.all()
