"""The page of a stage's pairs."""

import re
from pathlib import Path

import pandas as pd

from vqatune.errors import DataError, ParameterError
from vqatune.inspection.draw import draw_over_types
from vqatune.inspection.pilot import read_sampled
from vqatune.report.pairs.page import PairsPage, write_pairs_page
from vqatune.tables import BATCH, CHECKED, PAIRS, read_csv, read_table

SETS = ("train", "validation", "test")
_SET_ASIDE = Path(".work/replies/set_aside.csv")


def write_stage_page(of: str, count: int, seed: int, path: Path) -> None:
    """Write the page of `count` pictures, or all, drawn evenly over the product types, of the checkout in this folder.

    Args:
        of: generate (its pairs, kept and dropped), train, validation, test, or a master batch: 01.
        count: of pictures.
        seed: of the draw.
        path: of the page.

    Raises ParameterError for another name; DataError where the stage has not run.
    """
    pairs, what = _pairs(of)
    sampled = read_sampled()
    # A picture without any pair is part of what generate gives.
    among = sampled if of == "generate" else sampled[sampled["image_id"].isin(pairs["image_id"])]
    images = draw_over_types(among, count, seed)
    drawn = pairs[pairs["image_id"].isin(images["image_id"])]
    sentence = (
        f"{len(images):,} of {len(among):,} pictures, drawn evenly over {among['product_type'].nunique():,} product types; "
        f"all have {len(pairs):,} pairs, of which {int(pairs['check'].isna().sum()):,} are kept."
    )
    without = set(images["image_id"]) - set(drawn["image_id"])
    write_pairs_page(
        PairsPage(
            title=what,
            images=images.sort_values(["product_type", "image_id"]),
            pairs=drawn,
            sentences=[sentence],
            reasons=_reasons(without) if of == "generate" else {},
        ),
        path,
    )


def _pairs(of: str) -> tuple[pd.DataFrame, str]:
    """Return the pairs with the columns of tables.CHECKED, and the page's title."""
    if of == "generate":
        kept = _read(Path("data/qa.parquet"), PAIRS, "generate")
        dropped = _read(Path("data/dropped.parquet"), CHECKED, "generate")
        return pd.concat([_as_kept(kept), dropped], ignore_index=True), "The pairs of the stage generate"
    if of in SETS:
        return _as_kept(_read(Path(f"data/{of}.parquet"), PAIRS, "split")), f"The {of} set"
    if not re.fullmatch(r"\d\d+", of):
        raise ParameterError(
            f"there are no pairs of {of!r}: name generate, {', '.join(SETS)}, or a master batch such as 01"
        )
    batch = _read(Path(f"data/batches/{of}.parquet"), BATCH, "batch")
    # A picture may come several times, with the same pairs.
    once = batch.drop_duplicates("qa_id", ignore_index=True)
    return _as_kept(once[PAIRS.names]), f"Master batch {of}"


def _read(path: Path, schema: object, stage: str) -> pd.DataFrame:
    if not path.exists():
        raise DataError(f"{path} does not exist: run `dvc repro {stage}`")
    return read_table(path, schema)


def _as_kept(pairs: pd.DataFrame) -> pd.DataFrame:
    return pairs.assign(check=pd.Series(None, index=pairs.index, dtype="str"))[CHECKED.names]


def _reasons(images: set[str]) -> dict[str, str]:
    """Return why a model gave no pairs about some images, by image_id."""
    if not images or not _SET_ASIDE.exists():
        return {}
    listed = read_csv(_SET_ASIDE, "image_id", "reason").astype("str")
    listed = listed[listed["image_id"].isin(images)]
    return dict(zip(listed["image_id"], listed["reason"], strict=True))
