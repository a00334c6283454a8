"""The showroom's base model: a tiny BLIP, trained once on drawn products, whose weights come with this package.

    python -m vqatune.base_model.showroom_model

trains it again, with `model.tiny` as it is by default, and writes the same bytes on every x86-64 processor with AVX2. It
sees no catalogue: its images are drawn for it, and its tokenizer's vocabulary is that of the lessons and of WORDS.
"""

from pathlib import Path

from vqatune.runtime.arithmetic import choose_arithmetic

FOLDER = Path(__file__).parent / "showroom_weights"
"""The checkpoint, its weights in float16."""
WORDS = Path(__file__).parent / "showroom_words.txt"
"""Words of questions and answers in English, which are tokens of their own."""
SEED = 13


def make_showroom_model(folder: Path, steps: int | None = None) -> None:
    """Train the model and write its checkpoint.

    Args:
        folder: written atomically.
        steps: of training; None: those of `model.tiny`.
    """
    # Arithmetic has to be chosen before torch is imported.
    from vqatune.base_model.tiny import make_tiny
    from vqatune.models.device import start
    from vqatune.models.family_lookup import family_named
    from vqatune.params import ComputeParams, ModelParams, TinyParams
    from vqatune.tables import replacing_folder

    tiny = TinyParams() if steps is None else TinyParams(steps=steps)
    device = start(ComputeParams(device="cpu", threads=1), SEED, "base")
    model, processor = make_tiny("blip", WORDS.read_text(encoding="utf-8").split(), tiny, SEED, device)
    family, token = family_named("blip"), ModelParams().question_token
    with replacing_folder(folder) as unfinished:
        family.save_checkpoint(model.half(), processor, unfinished, token)
        # Once more, as the stage base writes what it has loaded: with the dtype in its configuration.
        family.save_checkpoint(family.load_model(unfinished, None), processor, unfinished, token)


if __name__ == "__main__":
    choose_arithmetic(Path("params.yaml"))
    make_showroom_model(FOLDER)
