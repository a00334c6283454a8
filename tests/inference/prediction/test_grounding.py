"""Whether answers come from the image: what is measured, and that it tells seeing from guessing."""

import signal
import time
from io import BytesIO

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from two_processes import launcher

from vqatune.base_model.base import make_base
from vqatune.inference.prediction import grounding
from vqatune.inference.prediction.decoding import answer_log_probabilities
from vqatune.inference.prediction.grounding import FOILS, choose_items, grounding_shares
from vqatune.inference.prediction.predict import predict
from vqatune.models.encoder import load_encoder
from vqatune.models.families.blip import load_model, load_processor, pair_losses, save_checkpoint
from vqatune.models.packing import pack_batch
from vqatune.params import load_params
from vqatune.tables import IMAGES, PAIRS, PLACE, PREDICTIONS, read_table, write_table

COLORS = {
    "red": (220, 20, 20), "green": (20, 160, 40), "blue": (30, 40, 220), "yellow": (240, 230, 30),
    "black": (10, 10, 10), "white": (250, 250, 250), "purple": (130, 20, 160), "orange": (250, 140, 10),
}  # fmt: skip
ASKED = ["what color is it?", "which color does the square have?"]


def _square(color: str) -> Image.Image:
    return Image.new("RGB", (40, 40), COLORS[color])


@pytest.fixture(scope="module")
def squares(tmp_path_factory) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A square of each color, of one product type: the pairs, and the places."""
    archive, places = tmp_path_factory.mktemp("raw") / "squares.tar", []
    with archive.open("wb") as file:
        for color in COLORS:
            picture = BytesIO()
            _square(color).save(picture, "PNG")
            places.append((color, str(archive), file.tell(), file.write(picture.getvalue())))
    pairs = [
        (f"{color}-{number}", color, "SQUARE", question, color)
        for color in COLORS
        for number, question in enumerate(ASKED)
    ]
    return (
        pd.DataFrame(pairs, columns=["qa_id", "image_id", "product_type", "question", "answer"]),
        pd.DataFrame(places, columns=["image_id", "archive", "offset", "length"]),
    )


@pytest.fixture(scope="module")
def seeing(tmp_path_factory, tiny_with):
    """The folder of a model that has learnt to name the color of a square."""
    folder = tmp_path_factory.mktemp("models")
    make_base(tiny_with({}), [*COLORS, *ASKED], folder / "base")
    model, encoder = load_model(folder / "base"), load_encoder(folder / "base")
    batch = pack_batch(
        encoder.images([_square(color) for color in COLORS]),
        [len(ASKED)] * len(COLORS),
        encoder.questions(ASKED * len(COLORS)),
        encoder.answers([color for color in COLORS for _ in ASKED]),
    )
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    model.train()
    for _ in range(100):
        optimizer.zero_grad()
        pair_losses(model, batch).mean().backward()
        optimizer.step()
    save_checkpoint(model, encoder.processor, folder, "[ENC]")
    return folder


@pytest.fixture(scope="module")
def blind(tmp_path_factory, tiny_with):
    """The folder of a model whose question encoder takes nothing from the image.

    It is wide enough for its answers' log-probabilities to depend, in their last digits, on what is asked together.
    """
    folder = tmp_path_factory.mktemp("models")
    make_base(tiny_with({"model.tiny.hidden_size": 384}), ASKED, folder / "seeing")
    model = load_model(folder / "seeing")
    for layer in model.text_encoder.encoder.layer:
        for part in (layer.crossattention.self.value, layer.crossattention.output.dense):
            torch.nn.init.zeros_(part.weight)
    save_checkpoint(model, load_processor(folder / "seeing"), folder, "[ENC]")
    return folder


@pytest.fixture(scope="module")
def ask(squares, tiny_with):
    """A model's answers to the squares, by qa_id: ask(base, {"predict.beams": 2}, pairs=…)."""

    def run(base, changes: dict | None = None, pairs=squares[0], places=squares[1], **given) -> pd.DataFrame:
        answers = predict(tiny_with(changes or {}), "base", base, None, pairs, places, **given)
        return answers.set_index("qa_id")

    return run


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_model_blind_to_the_image_gets_one_half_for_every_question(blind, ask, pairs, places, precision):
    changes = {"compute.precision": precision, "predict.images_per_step": 3}
    answers = ask(blind, changes, pairs=pairs, places=places)
    assert answers["prediction"].str.len().min() > 0
    assert set(answers["grounding"]) == {0.5}


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_model_that_reads_the_image_gets_nearly_one(seeing, ask, squares, precision):
    answers = ask(seeing, {"compute.precision": precision})
    right = answers["prediction"].eq(squares[0].set_index("qa_id")["answer"].loc[answers.index])
    assert right.mean() > 0.9 and answers["grounding"].mean() > 0.95


def test_a_large_model_is_measured_in_its_own_precision(blind, seeing, ask, pairs, places, monkeypatch):
    monkeypatch.setattr(grounding, "FLOAT32_UP_TO", 0)
    changes = {"compute.precision": "fp16"}
    assert set(ask(blind, changes, pairs=pairs, places=places)["grounding"]) == {0.5}
    assert ask(seeing, changes)["grounding"].mean() > 0.95


def test_an_empty_answer_is_held_against_other_images_too(seeing, ask):
    answers = ask(seeing, {"predict.mode": "rank"}, candidates=[""])
    assert set(answers["prediction"]) == {""}
    assert answers["grounding"].notna().all() and answers["grounding"].nunique() > 1


def test_neither_row_order_nor_what_is_asked_together_changes_anything(tiny_base, ask, pairs, places):
    expected = ask(tiny_base, pairs=pairs, places=places)["grounding"]
    assert expected.nunique() > 2
    for images, together in ((1, 1000), (5, 7)):
        changes = {"predict.images_per_step": images, "predict.max_pairs_per_step": together}
        again = ask(tiny_base, changes, pairs=pairs.sample(frac=1, random_state=images), places=places)
        pd.testing.assert_series_equal(again["grounding"], expected, check_exact=True)


def test_so_many_questions_are_measured_as_are_asked_for(tiny_base, ask, pairs, places):
    everything = ask(tiny_base, pairs=pairs, places=places)
    assert everything["grounding"].notna().all()
    some = ask(tiny_base, {"predict.grounding_questions": 5}, pairs=pairs, places=places)
    assert some["grounding"].notna().sum() == 5
    measured = some["grounding"].dropna()
    pd.testing.assert_series_equal(measured, everything["grounding"].loc[measured.index])
    none = ask(tiny_base, {"predict.grounding_questions": 0}, pairs=pairs, places=places)
    assert none["grounding"].isna().all() and none["grounding"].dtype == "float64"
    pd.testing.assert_frame_equal(none.drop(columns="grounding"), everything.drop(columns="grounding"))


def test_what_does_not_open_is_left_out(seeing, ask, squares):
    pairs, places = squares
    damaged = places.assign(length=places["length"].where(places["image_id"] != "red", 20))
    answers = ask(seeing, places=damaged)["grounding"]
    assert answers[answers.isna()].index.tolist() == ["red-0", "red-1"]
    assert answers.dropna().mean() > 0.95
    two = ask(seeing, pairs=pairs[pairs["image_id"].isin(["red", "blue"])], places=damaged)
    assert two["grounding"].isna().all() and two.loc["blue-0", "prediction"] == "blue"
    alone = ask(seeing, pairs=pairs[pairs["image_id"] == "blue"])
    assert alone["grounding"].isna().all() and alone["prediction"].tolist() == ["blue", "blue"]


def _test_set(images_of_types: list[int]) -> pd.DataFrame:
    """Two pairs of each image: so many images of type A, so many of type B, and so on."""
    return pd.DataFrame(
        [
            (f"{name}{image}-{pair}", f"{name}{image}", name)
            for name, images in zip("ABCDEFGH", images_of_types, strict=False)
            for image in range(images)
            for pair in range(2)
        ],
        columns=["qa_id", "image_id", "product_type"],
    )


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
    st.integers(1, 200),
    st.integers(0, 99),
    st.randoms(use_true_random=False),
)
def test_foils_are_other_images_of_the_type_first_and_each_once(sizes, questions, seed, random):
    test = _test_set(sizes)
    items = choose_items(test, seed, questions)
    images = sum(sizes)
    for qa_id, group in items.groupby("qa_id"):
        image, kind = qa_id.split("-")[0], qa_id[0]
        assert group.loc[group["true"], "image_id"].tolist() == [image]
        foils = group.loc[~group["true"], "image_id"].tolist()
        assert image not in foils and len(set(foils)) == len(foils) == min(FOILS, images - 1)
        of_type = sizes["ABCDEFGH".index(kind)] - 1
        assert sum(foil[0] == kind for foil in foils) == min(FOILS, of_type)
    assert items["qa_id"].nunique() == (min(questions, len(test)) if images > 1 else 0)
    shuffled = test.iloc[random.sample(range(len(test)), len(test))]
    pd.testing.assert_frame_equal(choose_items(shuffled, seed, questions), items)


def test_foils_and_questions_are_spread_over_the_test_set_and_depend_on_the_seed():
    test = _test_set([200])
    items = choose_items(test, 1, 1000)
    foils = items.loc[~items["true"], "image_id"].value_counts()
    # Each image stands for the four before it on the circle, with their two questions.
    assert foils.index.nunique() == 200 and set(foils) == {8}
    few = [set(choose_items(test, seed, 40)["qa_id"]) for seed in (1, 2)]
    assert len(few[0] & few[1]) < 15
    other = choose_items(test, 2, 1000)
    assert len(items.merge(other[~other["true"]])) < 100


def test_a_share_counts_foils_that_are_less_probable_and_half_of_those_that_are_equal():
    rows = [
        ("all", True, -1.0), ("all", False, -3.0), ("all", False, -1.001),
        ("one of four", True, -2.0), ("one of four", False, -2.5), ("one of four", False, -1.0),
        ("one of four", False, -1.5), ("one of four", False, 0.0),
        ("tie", True, -5.0), ("tie", False, -5.00002), ("tie", False, -5.00003),
        ("left out", True, -1.0), ("left out", False, None), ("left out", False, -2.0), ("left out", False, 0.0),
        ("no true one", True, None), ("no true one", False, -1.0),
        ("no foil", True, -1.0), ("no foil", False, None),
    ]  # fmt: skip
    scored = pd.DataFrame(rows, columns=["qa_id", "true", "log_probability"])
    shares = grounding_shares(scored)
    expected = {"all": 1.0, "one of four": 0.25, "tie": 0.5, "left out": 0.5}
    assert shares.dropna().to_dict() == expected
    assert set(shares[shares.isna()].index) == {"no true one", "no foil"}


def test_an_answer_has_the_log_probability_that_transformers_gives_it_alone(seeing):
    model, encoder = load_model(seeing).eval(), load_encoder(seeing)
    pixels = encoder.images([_square("red"), _square("blue")])
    counts = [3, 2]
    questions = encoder.questions([*ASKED, "color?", *ASKED])
    answers = encoder.answers(["red", "", "a dark red square, i think", "blue", "q7"])
    found = answer_log_probabilities(model, pack_batch(pixels, counts, questions, answers))
    for pair, image in enumerate([0, 0, 0, 1, 1]):
        with torch.inference_mode():
            seen = model.vision_model(
                pixels.select(image, image + 1).tensors["pixel_values"]
            ).last_hidden_state
            asked = model.text_encoder(torch.tensor([questions[pair]]), encoder_hidden_states=seen)
            logits = model.text_decoder(
                torch.tensor([answers[pair]]), encoder_hidden_states=asked.last_hidden_state
            ).logits
        following = torch.tensor(answers[pair][1:])
        expected = logits[0, :-1].log_softmax(-1).gather(1, following[:, None]).sum()
        # Processors differ in the last place of a float32.
        torch.testing.assert_close(found[pair], expected, rtol=2e-6, atol=1e-5)


@pytest.fixture
def undisturbed():
    """What predict makes of a folder of stages, in this process."""

    def run(root) -> pd.DataFrame:
        test, validation = (
            read_table(root / f"data/{name}.parquet", PAIRS) for name in ("test", "validation")
        )
        places = read_table(root / "data/extracted/images.parquet", IMAGES, PLACE)
        params = load_params(root / "params.yaml")
        found = predict(params, "base", root / "models/base", None, test, places, ungrounded=validation)
        return found[found["qa_id"].isin(test["qa_id"])].reset_index(drop=True)

    return run


@pytest.mark.slow
def test_stopped_while_it_is_measured_and_started_again_it_ends_with_the_same(stage_folder, undisturbed):
    stages = stage_folder({"predict.images_per_step": 2, "predict.checkpoint_every": 1}, copies=8)
    process = stages.start("predict", "base")
    while len(_kept(stages, "grounding/*")) < 3:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert "(grounding base)" in said and "Traceback" not in said
    assert not (stages.root / "data/predictions/base.parquet").exists()
    # The answers stay, so that they are not asked for again.
    assert len(_kept(stages, "*")) == 49
    _kept(stages, "grounding/*")[2].write_bytes(b"damaged")
    assert "what comes after it is done again" in stages.run("predict", "base")
    expected = undisturbed(stages.root)
    write_table(expected, stages.root / "expected.parquet", PREDICTIONS)
    written = (stages.root / "data/predictions/base.parquet").read_bytes()
    assert written == (stages.root / "expected.parquet").read_bytes()
    assert expected["grounding"].notna().all() and expected["grounding"].nunique() > 2
    assert not list(stages.root.glob(".work/predictions/base/*"))


def _kept(stages, key: str) -> list:
    return sorted(stages.root.glob(f".work/predictions/base/{key}/0/[0-9]*"))


def test_pairs_whose_grounding_is_not_measured_change_nothing_for_the_others(
    tiny_params, tiny_base, pairs, places
):
    grounded = pairs["image_id"] < "image09"
    alone = predict(tiny_params, "base", tiny_base, None, pairs[grounded], places)
    both = predict(tiny_params, "base", tiny_base, None, pairs[grounded], places, ungrounded=pairs[~grounded])
    own = both["qa_id"].isin(alone["qa_id"])
    assert set(both["qa_id"]) == set(pairs["qa_id"])
    assert both.loc[~own, "grounding"].isna().all() and both.loc[~own, "prediction"].notna().all()
    pd.testing.assert_frame_equal(both[own].reset_index(drop=True), alone, rtol=1e-5)


@pytest.mark.slow
def test_two_processes_measure_what_one_does(stage_folder, undisturbed, warm_server):
    two = launcher(warm_server.variables)
    stages = stage_folder({"predict.images_per_step": 5, "predict.launcher": two}, copies=2)
    assert "one process" not in stages.run("predict", "base")
    shared = read_table(stages.root / "data/predictions/base.parquet", PREDICTIONS)
    alone = undisturbed(stages.root)
    pd.testing.assert_frame_equal(shared, alone, atol=1e-4)
    pd.testing.assert_series_equal(shared["grounding"], alone["grounding"], check_exact=True)
