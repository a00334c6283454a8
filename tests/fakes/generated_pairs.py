"""For tests of generate: listings without image files, recorded pairs, and a check that the figures add up."""

import json
from pathlib import Path

import pandas as pd
from asked_images import COMPUTE

from vqatune.generation.checks.checks import CHECKS
from vqatune.generation.generate import Generated, generate, generate_pairs
from vqatune.params import GenerateParams
from vqatune.tables import CHECKED, PAIRS, SAMPLED, writing_table

TEMPLATE = GenerateParams(provider="template", path=None)
COLORS = ["Red", "Blue", "Green", "Dark Blue", "None", "Black"]
ANSWERED = [
    ("What color is the seat?", "red", 1, "color"),
    ("How many legs are there?", "4", 2, "count"),
    ("Is there a cushion?", "yes", 0, "object"),
    ("Which words are printed?", "two words", 2, "text"),
    ("How heavy is it?", "5kg", 3, "other"),
]
"""Pairs of which the fourth and the fifth do not pass."""


def make_sampled(image_ids: list[str]) -> pd.DataFrame:
    rows = [
        {
            "image_id": image_id,
            "item_id": f"B{number // 2}",
            "product_type": ("CHAIR", "SHOES")[number % 2],
            "language": "en_US",
            "metadata": json.dumps(
                {"color": [COLORS[number % 6]], "style": ["Modern"], "material": ["Wood"]}
            ),
            "path": f"images/small/00/{image_id}.jpg",
            "archive": "a.tar",
            "offset": 0,
            "length": 1,
            "tier": 0,
            "repeats": 1,
        }
        for number, image_id in enumerate(image_ids)
    ]
    return pd.DataFrame(rows)[SAMPLED.names]


def write_recorded(path: Path, pairs: dict[str, list[tuple]]) -> GenerateParams:
    names = ("question", "answer", "difficulty", "source")
    lines = [
        json.dumps(
            {"image_id": image_id, "qa_pairs": [dict(zip(names, pair, strict=False)) for pair in listed]}
        )
        for image_id, listed in pairs.items()
    ]
    path.write_text("\n".join(lines))
    return GenerateParams(provider="recorded", path=str(path))


def checked_pairs(sampled: pd.DataFrame, params: GenerateParams, seed: int = 1):
    return generate_pairs(sampled, params, COMPUTE, seed)


def written(sampled: pd.DataFrame, params: GenerateParams, folder: Path) -> list[bytes]:
    """Generate into two tables as the stage does; return their bytes and what is said."""
    with (
        writing_table(folder / "qa.parquet", PAIRS) as keep,
        writing_table(folder / "dropped.parquet", CHECKED) as drop,
    ):
        generated = generate(sampled, params, COMPUTE, 1, keep, drop)
    files = [(folder / name).read_bytes() for name in ("qa.parquet", "dropped.parquet")]
    return [*files, json.dumps(generated.report).encode(), generated.rates.to_csv().encode()]


def assert_adds_up(kept: pd.DataFrame, dropped: pd.DataFrame, generated: Generated) -> None:
    """Every figure of the report, the rates and the summary is what the tables hold."""
    report, rates = generated.report, generated.rates
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["pairs"] == generated.summary["pairs"] == len(kept) + len(dropped)
    assert report["kept"] == generated.summary["kept"] == len(kept)
    counts = dropped["check"].value_counts()
    assert report["dropped"] == {name: int(counts.get(name, 0)) for name in CHECKS}
    assert report["images"] == report["images_with_pairs"] + report["images_without_pairs"]
    assert report["images_with_pairs"] == kept["image_id"].nunique()
    for name in ("question_types", "difficulties", "generators"):
        assert sum(report[name].values()) == len(kept)
    assert (rates[list(CHECKS)].sum(axis=1) == rates["dropped"]).all()
    for by, rows in rates.groupby("by"):
        assert (rows["pairs"].sum(), rows["dropped"].sum()) == (report["pairs"], len(dropped)), by
        if by in ("generator", "product_type"):
            both = pd.concat([kept[by], dropped[by]]).value_counts()
            assert dict(zip(rows["value"], rows["pairs"], strict=True)) == both.to_dict()
