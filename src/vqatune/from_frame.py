"""Tuning in Python, for a notebook: a DataFrame of pictures, questions and answers → an adapter."""

import math
from collections.abc import Mapping
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from vqatune.base_model.base import make_base
from vqatune.errors import DataError, ParameterError
from vqatune.models.reference import read_reference
from vqatune.params import Params, with_changes
from vqatune.tables import PLACE
from vqatune.training.loop import train_version

COLUMNS = ("image", "question", "answer")
_DEFAULTS = {
    "lora.target_modules": "text_query_value_dense",
    "train.learning_rate": 1e-4,
    "train.max_gradient_norm": 1.0,
    "compute.arithmetic": "native",
}
"""What differs from params.yaml's defaults, which are for the tiny model."""


def tune(
    frame: pd.DataFrame,
    out: str | Path,
    base: str | Path = "Salesforce/blip-vqa-base",
    revision: str = "main",
    previous: str | Path | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Path:
    """Tune a model on pictures with questions and answers, and return the folder of the adapter.

    >>> import vqatune
    >>> adapter = vqatune.tune(frame, out="shop", parameters={"train.epochs": 3, "lora.r": 16})
    >>> vqatune.Answerer(adapter).ask("mug.jpg", "What color is it?")

    Interrupted and called again with the same arguments, it goes on where it was.

    Args:
        frame: columns image (a path, an opened PIL image, or the bytes of a file), question and answer; a row a pair. Rows of
            one picture are trained together.
        out: a folder, which gets `base` (the base model, whose weights stay where they are) and the adapter: `v1`, or the
            number after that of `previous`.
        base: a checkpoint on the Hugging Face Hub, or a folder with one.
        revision: of the checkpoint on the Hub: a commit, branch or tag.
        previous: the adapter that is tuned further; None to begin from the base.
        parameters: parameters of lora, train and compute by their names in docs/params.md, other than the defaults:
            LoRA on queries, values and dense layers of the text part, a learning rate of 1e-4, one epoch.

    Returns:
        The adapter's folder, which `Answerer`, `vqatune ask` and stock peft load.

    Raises:
        DataError: a column or a value is missing, a picture is not there, or the adapter exists.
        ParameterError: a parameter is unknown, or has another type.
        ModelError: the base cannot be loaded.
    """
    out = Path(out)
    params = with_changes(Params(), _DEFAULTS | dict(parameters or {}), ("lora", "train", "compute"))
    number = 1 if previous is None else _number(Path(previous)) + 1
    folder = out / f"v{number}"
    if folder.exists():
        raise DataError(
            f"{folder} exists: name another folder, or tune it further with previous={str(folder)!r}"
        )
    pairs, places = _tables(frame, out / "pictures")
    _make_base(params, str(base), revision, out / "base")
    train_version(
        params,
        folder.name,
        base=out / "base",
        previous=None if previous is None else Path(previous),
        pairs=pairs,
        places=places,
        folder=folder,
        work=out / ".work",
    )
    return folder


def _number(previous: Path) -> int:
    name = previous.name
    if not (name.startswith("v") and name[1:].isdecimal()):
        raise ParameterError(
            f"previous is {previous}, but must be an adapter that tune returned, such as shop/v1"
        )
    return int(name[1:])


def _make_base(params: Params, name: str, revision: str, folder: Path) -> None:
    local = Path(name).exists()
    if folder.exists():
        kept = read_reference(folder)
        wanted = Path(name).resolve() if local else name
        there = (
            None if kept is None else (folder / kept.name).resolve() if kept.revision is None else kept.name
        )
        if there != wanted:
            raise DataError(f"{folder} is another base model than {name}: name another out")
        return
    source = {"source": "hub", "keep": "reference", "name": name, "revision": None if local else revision}
    make_base(params.model_copy(update={"model": params.model.model_copy(update=source)}), [], folder)


def _tables(frame: pd.DataFrame, folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the pairs, and where the bytes of their pictures lie; pictures that are in no file are written into `folder`."""
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise DataError(
            f"the frame has no column {' and no column '.join(missing)}: it needs {', '.join(COLUMNS)}"
        )
    if frame.empty:
        raise DataError("the frame has no row: give it pictures with questions and answers")
    for name in ("question", "answer"):
        empty = frame[name].isna() | (frame[name].astype(str).str.strip() == "")
        if empty.any():
            row = frame.index[empty][0]
            raise DataError(
                f"{int(empty.sum())} of {len(frame)} rows have no {name}, such as row {row}: leave them out"
            )
    files: dict[str, Path] = {}
    ids = []
    for row, image in zip(frame.index, frame["image"], strict=True):
        path = _file(image, row, folder)
        # What was in no file is known by its content, wherever it was written.
        name = path.name if path.parent == folder else str(path)
        ids.append(name)
        files[name] = path
    texts = frame[["question", "answer"]].astype(str).to_numpy()
    pairs = pd.DataFrame(
        {"qa_id": [f"{place:08d}" for place in range(len(frame))], "image_id": ids, "copy": 0}
    ).assign(question=texts[:, 0], answer=texts[:, 1])
    places = [(name, str(path), 0, path.stat().st_size) for name, path in files.items()]
    # All questions of a picture are trained together.
    pairs = pairs.astype({"copy": "int32"}).sort_values("image_id", kind="stable", ignore_index=True)
    return pairs, pd.DataFrame(places, columns=PLACE)


def _file(image: Any, row: Any, folder: Path) -> Path:
    if isinstance(image, str | Path):
        path = Path(image)
        if not path.is_file():
            raise DataError(f"row {row}: there is no file {path}: correct the column image")
        return path
    if isinstance(image, Image.Image):
        written = BytesIO()
        image.save(written, "PNG")
        image = written.getvalue()
    if not isinstance(image, bytes):
        kind = (
            "nothing"
            if image is None or (isinstance(image, float) and math.isnan(image))
            else type(image).__name__
        )
        raise DataError(
            f"row {row}: image is {kind}, but must be a path, a PIL image, or the bytes of a file"
        )
    path = folder / blake2b(image, digest_size=16).hexdigest()
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image)
    return path
