"""From the archives to the batches: neither the order of rows nor the number of workers or parts changes what is chosen."""

from pathlib import Path

import pandas as pd
import pytest
from whole_tables import extract, filter_images

from vqatune.catalogue.filter import filter_table
from vqatune.catalogue.sample import sample_images, sample_table
from vqatune.catalogue.sources import abo
from vqatune.dataset.dealing import deal_table
from vqatune.dataset.master_batches import make_master_batches
from vqatune.dataset.split import split_pairs, split_table
from vqatune.generation.generate import generate_pairs
from vqatune.generation.generate_table import generate_table
from vqatune.showroom.catalogue import draw_catalogue
from vqatune.tables import (
    BATCH,
    CHECKED,
    DIGESTS,
    FILTERED,
    IMAGES,
    LISTINGS,
    PAIRS,
    SAMPLED,
    read_table,
    write_table,
)

TABLES = {
    "listings": (LISTINGS, ["item_id", "metadata"]),
    "images": (IMAGES, ["image_id"]),
    "filtered": (FILTERED, ["image_id"]),
    "digests": (DIGESTS, ["image_id"]),
    "sampled": (SAMPLED, ["image_id"]),
    "qa": (PAIRS, ["qa_id"]),
    "dropped": (CHECKED, ["qa_id", "question"]),
    "train": (PAIRS, ["qa_id"]),
    "validation": (PAIRS, ["qa_id"]),
    "test": (PAIRS, ["qa_id"]),
}


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("raw")
    draw_catalogue(listings=60, seed=3, folder=folder)
    return folder


def keep_versions(values: dict, count: int) -> dict:
    """Return the parameters of a chain that is cut to its first versions."""
    versions = dict(list(values["versions"].items())[:count])
    return {
        "versions": versions,
        "predicted": {"base": {}} | versions,
        "evaluated": {"blind": {}, "base": {}} | versions,
    }


def _outputs(archives: Path, params, folder: Path, shuffle: bool) -> dict[str, bytes]:
    def mixed(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.sample(frac=1, random_state=5).reset_index(drop=True) if shuffle else frame

    extracted = extract(archives, 0)
    filtered, _ = filter_images(mixed(extracted.listings), mixed(extracted.images), params.filter)
    sampled, _ = sample_images(mixed(filtered), params.sample, params.seed)
    pairs, _, _ = generate_pairs(mixed(sampled), params.generate, params.compute, params.seed)
    sets = split_pairs(mixed(pairs), params.split, params.seed)
    batches, _ = make_master_batches(
        mixed(sets.train), mixed(sampled), params.batch, len(params.versions), params.seed
    )
    write_table(sampled, folder / "sampled.parquet", SAMPLED)
    for name, side in sets._asdict().items():
        write_table(side, folder / f"{name}.parquet", PAIRS)
    for number, batch in enumerate(batches):
        write_table(batch, folder / f"{number}.parquet", BATCH)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_shuffled_rows_and_other_workers_give_the_same_samples_split_and_batches(
    archives, make_params, parameter_values, tmp_path, monkeypatch
):
    params = make_params(keep_versions(parameter_values, 3) | {"split.minimum_images": 5})
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    expected = _outputs(archives, params, tmp_path / "one", shuffle=False)
    assert len(expected) == 7
    monkeypatch.setenv("VQATUNE_WORKERS", "3")
    assert _outputs(archives, params, tmp_path / "three", shuffle=True) == expected
    other = params.model_copy(update={"seed": 99})
    assert _outputs(archives, other, tmp_path / "other", shuffle=False) != expected


def _tables(archives, params, folder, count):
    """Run the stages from extract to batch by tables of parts; return what they write and count."""
    folder.mkdir()
    paths = {name: folder / f"{name}.parquet" for name in TABLES}
    report = abo.extract(archives, 0, paths["listings"], paths["images"], folder / "extract", count)
    filtered = filter_table(
        paths["listings"],
        paths["images"],
        paths["filtered"],
        paths["digests"],
        params.filter,
        folder / "filter",
    )
    types = sample_table(paths["filtered"], paths["sampled"], params.sample, params.seed)
    generated = generate_table(
        paths["sampled"],
        paths["qa"],
        paths["dropped"],
        params.generate,
        params.compute,
        params.seed,
        folder / "generate",
    )
    counts = split_table(paths["qa"], folder, params.split, params.seed)
    batches = deal_table(
        folder / "train.parquet",
        paths["sampled"],
        folder / "batches",
        params.batch,
        len(params.versions),
        params.seed,
    )
    rows = {
        name: read_table(paths[name], schema).map(repr).sort_values(key, ignore_index=True)
        for name, (schema, key) in TABLES.items()
    }
    files = {path.name: path.read_bytes() for path in (folder / "batches").iterdir()}
    frames = [types, generated.rates, batches]
    return rows, files, [report, filtered, generated.report, counts], [frame.to_csv() for frame in frames]


def test_parts_change_no_row_no_pick_and_no_count(
    archives, make_params, parameter_values, tmp_path, monkeypatch
):
    monkeypatch.setenv("VQATUNE_WORKERS", "1")
    params = make_params(keep_versions(parameter_values, 3) | {"split.minimum_images": 5})
    rows, *others = _tables(archives, params, tmp_path / "whole", 1)
    parts, *same = _tables(archives, params, tmp_path / "parts", 3)
    assert same == others
    for name, table in rows.items():
        pd.testing.assert_frame_equal(parts[name], table, obj=name)
