import multiprocessing
import os
import signal

import pandas as pd
import pytest
import torch
from PIL import Image
from tiny_families import tiny_model

from vqatune.errors import ArchiveError, DataError
from vqatune.loading.loader import MicroBatchImages, load_images
from vqatune.loading.reader import ImageReader
from vqatune.models.encoder import Encoder, load_encoder


@pytest.fixture(scope="module")
def encoder(tiny_base) -> Encoder:
    return load_encoder(tiny_base)


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
    with pytest.raises(ArchiveError, match="gone.tar does not exist"):
        ImageReader(places.assign(archive=str(tmp_path / "gone.tar"))).read("image03")


@pytest.mark.parametrize("processes", [0, 2])
def test_images_come_by_micro_batch_as_the_processor_prepares_them(places, encoder, processes):
    micro_batches = [["image03", "image01"], ["image02"], ["image05", "image04", "image03"]]
    loaded = list(load_images(micro_batches, MicroBatchImages(ImageReader(places), encoder), processes))
    assert len(loaded) == len(micro_batches)
    for image_ids, item in zip(micro_batches, loaded, strict=True):
        expected = encoder.images([ImageReader(places).read(image_id) for image_id in image_ids])
        assert (
            torch.equal(item.pictures.tensors["pixel_values"], expected.tensors["pixel_values"])
            and not item.failures
        )


@pytest.mark.parametrize("processes", [0, 1])
def test_a_picture_that_does_not_open_is_left_out_by_its_place(places, encoder, processes):
    damaged = places.assign(length=places["length"].where(places["image_id"] != "image01", 30))
    pictures = MicroBatchImages(ImageReader(damaged), encoder)
    first, second = load_images([["image00", "image01", "image02"], ["image01"]], pictures, processes)
    assert len(first.pictures) == 2 and list(first.failures) == [1]
    assert "image image01 in" in str(first.failures[1])
    assert second.pictures is None and list(second.failures) == [0]


@pytest.mark.parametrize("processes", [0, 1])
def test_a_missing_archive_is_an_error_in_one_line(places, encoder, tmp_path, processes):
    gone = places.assign(archive=str(tmp_path / "gone.tar"))
    with pytest.raises(ArchiveError, match="gone.tar does not exist") as caught:
        list(load_images([["image00"]], MicroBatchImages(ImageReader(gone), encoder), processes))
    assert "\n" not in str(caught.value)
    assert multiprocessing.active_children() == []


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_of_every_start_method_read_the_same_and_leave_signals_to_their_parent(
    places, encoder, method
):
    """Python 3.14 starts processes by forkserver; they import for seconds, in which Ctrl-C reaches them, too."""
    images = MicroBatchImages(ImageReader(places), encoder)
    before = multiprocessing.get_start_method()

    def micro_batches():
        # Asked for once the process is started, which is long before it reads.
        [reading] = multiprocessing.active_children()
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(reading.pid, number)
        yield from [["image00", "image03"], ["image01"]]

    multiprocessing.set_start_method(method, force=True)
    try:
        loaded = load_images(micro_batches(), images, 1)
        first = next(loaded)
        assert len(list(loaded)) == 1
    finally:
        multiprocessing.set_start_method(before, force=True)
    for name, tensor in images[["image00", "image03"]].pictures.tensors.items():
        assert torch.equal(first.pictures.tensors[name], tensor)


def test_texts_become_what_blip_was_trained_on(encoder):
    tokenizer = encoder.processor.tokenizer
    ids = encoder.questions(["is it red?", "what color is it?"])
    assert tokenizer.convert_ids_to_tokens(ids[1]) == ["[ENC]", "what", "color", "is", "it", "?", "[SEP]"]
    assert len(ids[0]) == len(tokenizer("is it red?").input_ids)
    assert tokenizer.convert_ids_to_tokens(encoder.answers(["red", "3"])[0]) == ["[DEC]", "red", "[SEP]"]


def test_a_word_that_the_vocabulary_lacks_is_spelled(encoder):
    ids = torch.tensor(encoder.answers(["turquoise"]))
    assert encoder.decode(ids) == ["turquoise"]
    assert encoder.processor.tokenizer.unk_token_id not in ids


def test_an_endless_question_is_cut(encoder):
    assert len(encoder.questions(["red " * 1000])[0]) == 128


def test_a_picture_that_the_model_does_not_take_fails_alone_and_is_named(places, tmp_path):
    archive = tmp_path / "pictures.tar"
    with archive.open("wb") as file:
        Image.new("RGB", (1, 1000)).save(file, "PNG")
    row = {"image_id": "narrow", "archive": str(archive), "offset": 0, "length": archive.stat().st_size}
    reader = ImageReader(pd.concat([places, pd.DataFrame([row])], ignore_index=True))
    _, encoder = tiny_model("qwen2_5_vl")
    [loaded] = load_images([["image03", "narrow", "image01"]], MicroBatchImages(reader, encoder), 0)
    assert len(loaded.pictures) == 2 and list(loaded.failures) == [1]
    text = str(loaded.failures[1])
    assert text.startswith("image narrow: the model does not take this picture") and "\n" not in text
