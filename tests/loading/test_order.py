"""From the archives to the batches: neither the order of rows nor the number of workers changes a byte."""

from pathlib import Path

import pandas as pd
import pytest

from vqatune.catalogue.filter import filter_images
from vqatune.catalogue.sample import sample_images
from vqatune.catalogue.sources.abo import extract
from vqatune.dataset.master_batches import make_master_batches
from vqatune.dataset.split import split_pairs
from vqatune.generation.generate import generate_pairs
from vqatune.showroom.catalogue import draw_catalogue
from vqatune.tables import BATCH, PAIRS, SAMPLED, write_table


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
