import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest
import vl_convert

from vqatune.errors import DataError
from vqatune.report.charts.common import NARROW
from vqatune.report.figures.data import data_section
from vqatune.report.figures.funnel import funnel_tables
from vqatune.tables import BATCH, PAIRS, read_csv, read_table, write_csv, write_json, write_table


@pytest.fixture(scope="module")
def section(small_run):
    return data_section(small_run.root)


@pytest.fixture(scope="module")
def figures(section):
    return {figure.name: figure for figure in section.figures}


@pytest.fixture
def run(small_run, tmp_path):
    """A copy of what the figures read, to be changed."""
    shutil.copytree(small_run.root / "metrics", tmp_path / "metrics")
    for name in ("sampled.parquet", "qa.parquet", "batches"):
        copy = shutil.copytree if name == "batches" else shutil.copy
        (tmp_path / "data").mkdir(exist_ok=True)
        copy(small_run.root / "data" / name, tmp_path / "data" / name)
    return tmp_path


def shown(run) -> dict:
    return {figure.name: figure for figure in data_section(run).figures}


def change(run, name: str, **values) -> dict:
    path = run / f"metrics/data/{name}.json"
    content = json.loads(path.read_text()) | values
    write_json(content, path)
    return content


def values(spec: dict) -> list[dict]:
    """The rows of a chart that has one table."""
    return spec["data"]["values"]


def test_every_chart_is_valid_and_as_wide_as_its_place(figures):
    assert {"funnel", "dropped", "product_types", "question_types", "answers", "batches"} <= set(figures)
    for figure in figures.values():
        assert figure.alt and figure.title and not figure.table.empty
        for spec in figure.views.values():
            assert spec["width"] == "container" and "config" not in spec and "title" not in spec
            marks = vl_convert.vegalite_to_vega(spec | {"width": 400}, vl_version="6.4")["marks"]
            assert marks


def test_the_funnel_has_what_the_stages_counted(small_run, figures):
    data = small_run.root / "metrics/data"
    extracted, filtered, pairs, split = (
        json.loads((data / f"{name}.json").read_text()) for name in ("extract", "filter", "generate", "split")
    )
    left = funnel_tables(small_run.root)[0].set_index("stage")
    assert left.loc["extract", "listings"] == extracted["listings"]
    assert left.loc["filter", "images"] == filtered["images_kept"]
    assert left.loc["sample", "images"] == len(
        read_table(small_run.root / "data/sampled.parquet", BATCH, ["image_id"])
    )
    assert left.loc["checks", "pairs"] == pairs["kept"]
    assert left.loc["split: test", "pairs"] == split["test"]["pairs"]
    assert left.loc["batches, with repeats", "pairs"] == read_csv(data / "batches.csv")["pairs"].sum()
    bars = {
        (row["stage"], row["of"]): row["count"]
        for row in values(figures["funnel"].views["Listings and images"])
    }
    assert (
        bars["extract", "images"] == extracted["images"]
        and bars["split: training", "listings"] == split["train"]["listings"]
    )
    assert f"{extracted['listings']:,} listings" in figures["funnel"].alt
    assert f"{split['test']['pairs']:,} test pairs" in figures["funnel"].alt


@pytest.mark.parametrize("unit", ["listings", "images", "pairs"])
def test_what_is_left_after_a_stage_and_what_it_dropped_are_what_came(small_run, unit):
    left, dropped = funnel_tables(small_run.root)
    left = left.set_index("stage")[unit]
    for stage, before in (("filter", "extract"), ("sample", "filter"), ("checks", "generate")):
        if left[[before, stage]].notna().all():
            lost = dropped[(dropped["stage"] == stage) & (dropped["of"] == unit)]["dropped"].sum()
            assert left[before] - lost == left[stage], (stage, unit)


def test_replies_that_failed_are_told_from_images_whose_pairs_were_dropped(run):
    report = change(
        run, "generate", images_with_pairs=90, replies={"as_asked": 93, "blocked": 5, "repaired": 2}
    )
    change(run, "generate", images=100)
    _, dropped = funnel_tables(run)
    lost = dropped[dropped["of"] == "images"].set_index(["stage", "reason"])["dropped"]
    assert lost["generate", "blocked"] == 5 and lost["checks", "no pair is left"] == 5
    assert report["replies"]["as_asked"] == 93 and ("generate", "as asked") not in lost.index


def test_of_a_share_of_the_work_it_is_said_how_many_images_are_in_the_others(run):
    images = json.loads((run / "metrics/data/generate.json").read_text())["images"]
    change(run, "generate", shard="1/3", images=images - 30, images_with_pairs=images - 30)
    left, dropped = funnel_tables(run)
    assert left.set_index("stage")["images"]["generate"] == images - 30
    assert pd.isna(left.set_index("stage")["listings"]["generate"])
    assert dropped.set_index("reason")["dropped"]["in another share of the work"] == 30
    assert shown(run)["funnel"].views


def test_product_types_are_shown_before_and_after_sampling_with_their_tiers(run, figures):
    table = read_csv(run / "metrics/data/sample.csv")
    assert list(figures["product_types"].views) == ["By name", "All, by rank"]
    points = values(figures["product_types"].views["By name"])
    assert {(row["product_type"], row["images"]) for row in points} == set(
        table[["product_type", "images"]].itertuples(index=False, name=None)
    )
    assert "lowest tier" in figures["product_types"].note
    table.loc[0, ["images", "tier", "sampled", "repeats_total"]] = [5000, 1000, 2500, 2500]
    write_csv(table, run / "metrics/data/sample.csv")
    figure = shown(run)["product_types"]
    assert "from 1,000 images: 1 type, 50% drawn" in figure.note
    for spec in figure.views.values():
        assert '"at": 1000' in json.dumps(spec)


def test_of_many_product_types_the_largest_are_named_and_all_are_ranked(run):
    images = np.arange(600, 24, -1) ** 2
    names = [f"TYPE_{place}" for place in range(len(images))]
    table = pd.DataFrame({"product_type": names, "images": images, "tier": 0, "target": images // 2})
    table["sampled"] = table["repeats_total"] = table["target"]
    write_csv(table, run / "metrics/data/sample.csv")
    views = shown(run)["product_types"].views
    assert list(views) == ["All, by rank", "The 40 largest"]
    columns = views["All, by rank"]["layer"][-1]
    assert [row["product_type"] for row in values(columns)] == names
    assert {"product type", "images", "sampled"} <= {each["title"] for each in columns["encoding"]["tooltip"]}
    assert {row["product_type"] for row in values(views["The 40 largest"])} == set(names[:40])
    assert all(len(json.dumps(spec)) < 300_000 for spec in views.values())


def test_a_type_of_which_nothing_was_drawn_is_on_the_log_scale_and_says_so(run):
    table = read_csv(run / "metrics/data/sample.csv")
    table.loc[0, ["sampled", "repeats_total"]] = 0
    write_csv(table, run / "metrics/data/sample.csv")
    first = [row for row in values(shown(run)["product_types"].views["By name"]) if row["rank"] == 1]
    assert {row["sampled"] for row in first} == {0} and min(row["count"] for row in first) == 0.5


def test_pairs_are_counted_by_question_type_and_answer(small_run, figures):
    pairs = read_table(small_run.root / "data/qa.parquet", PAIRS, ["question_type", "answer"])
    counts = {row["question_type"]: row["pairs"] for row in values(figures["question_types"].views["Pairs"])}
    assert counts == pairs["question_type"].value_counts().to_dict()
    answers = [(row["answer"], row["pairs"]) for row in values(figures["answers"].views["Pairs"])]
    assert len(answers) == 30 and answers[0][1] == pairs["answer"].str.lower().value_counts().max()
    assert f"{answers[0][0]}: {answers[0][1]:,} " in figures["answers"].alt


def test_pairs_without_difficulty_are_a_sentence_and_no_empty_chart(run, section):
    change(run, "generate", difficulties={"0": 0, "1": 0, "2": 0, "3": 0, "5": 0, "none": 10})
    assert "difficulties" not in shown(run) and "No pair says its difficulty." in data_section(run).text
    assert "difficulties" in {figure.name for figure in section.figures}


def test_checks_that_dropped_nothing_are_a_sentence_and_no_empty_chart(section, figures):
    assert "checks" not in figures and re.search(r"All [\d,]+ pairs passed the \d+ checks", section.text)


def test_checks_are_shown_by_check_and_by_product_type(run):
    report = json.loads((run / "metrics/data/generate.json").read_text())
    dropped = report["dropped"] | {"too_many_words": 40, "none_like": 60}
    change(run, "generate", dropped=dropped, pairs=report["kept"] + 100)
    rates = pd.DataFrame(
        [("all", "all", 1000, 100, 0.1), ("generator", "a", 1000, 100, 0.1), ("prompt", "p", 900, 90, 0.1)]
        + [
            ("prompt", "q", 100, 10, 0.1),
            ("product_type", "HAT", 900, 9, 0.01),
            ("product_type", "MUG", 99, 90, 0.9),
        ]
        + [("product_type", "RUG", 1, 1, 1.0)],
        columns=["by", "value", "pairs", "dropped", "share"],
    )
    write_csv(rates, run / "metrics/data/checks.csv")
    figure = shown(run)["checks"]
    # One generator is no comparison, and one pair is no rate.
    assert list(figure.views) == ["By check", "By prompt", "By product type"]
    assert [row["check"] for row in values(figure.views["By check"])] == ["none like", "too many words"]
    assert [row["product_type"] for row in values(figure.views["By product type"])] == ["MUG", "HAT"]
    assert "drop 100" in figure.alt and "'none like' (60)" in figure.alt


def test_a_batch_that_lacks_a_type_is_seen(run):
    kept = read_table(run / "data/batches/01.parquet", BATCH)
    lacking = kept["product_type"].value_counts().index[0]
    write_table(kept[kept["product_type"] != lacking], run / "data/batches/01.parquet", BATCH)
    views = shown(run)["batches"].views
    assert list(views) == ["Question types", "Difficulty", "Product types"]
    cells = {(row["value"], row["batch"]): row for row in values(views["Product types"])}
    assert cells[lacking, "1"]["count"] == 0 and cells[lacking, "1"]["shift"] == -1
    assert cells[lacking, "2"]["times"] > 1
    for batch in ("1", "2"):
        assert sum(row["share"] for row in cells.values() if row["batch"] == batch) == pytest.approx(
            1, abs=1e-4
        )


def test_product_types_that_are_numbers_are_not_taken_for_difficulties(run):
    for path in (run / "data/batches").glob("*.parquet"):
        batch = read_table(path, BATCH)
        batch["product_type"] = [str(place % 40) for place in pd.factorize(batch["image_id"])[0]]
        write_table(batch, path, BATCH)
    types = {row["value"] for row in values(shown(run)["batches"].views["Product types"])}
    assert len(types) == 25 and "16 others" in types


def test_small_product_types_of_a_batch_share_a_row(run):
    batch = read_table(run / "data/batches/01.parquet", BATCH)
    batch = pd.concat([batch.assign(image_id=f"i{n}", product_type=f"T{n:02}") for n in range(40)])
    for number in ("01", "02"):
        write_table(batch, run / f"data/batches/{number}.parquet", BATCH)
    rows = values(shown(run)["batches"].views["Product types"])
    names = list(dict.fromkeys(row["value"] for row in rows))
    assert len(names) == 25 and names[-1] == "16 others"
    # Each row has the count of its type behind its name, in wide and narrow charts.
    axis = json.dumps(shown(run)["batches"].views["Product types"]["layer"][0]["encoding"]["y"]["axis"])
    assert "16 others" in axis and NARROW in axis


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("metrics/data/extract.json", "does not exist: run `dvc repro extract`"),
        ("metrics/data/sample.csv", "does not exist: run `dvc repro sample`"),
        ("metrics/data/checks.csv", "does not exist: run `dvc repro generate`"),
        ("metrics/data/batches.csv", "does not exist: run `dvc repro batch`"),
        ("data/qa.parquet", "does not exist: run the stage that writes it"),
        ("data/batches/02.parquet", "does not exist: run the stage that writes it"),
    ],
)
def test_what_is_missing_is_named_with_what_to_run(run, path, told):
    (run / path).unlink()
    with pytest.raises(DataError, match=told) as raised:
        data_section(run)
    assert path in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("filter.json", "{", "is damaged"),
        ("split.json", "[]", "holds no object"),
        ("generate.json", '{"pairs": 1}', "lacks question_types"),
        ("sample.csv", "", "is damaged"),
        ("sample.csv", "product_type,images,tier,target,sampled,repeats_total\n", "has no row"),
        ("batches.csv", "batch,images\n1,2\n", "lacks pairs"),
    ],
)
def test_a_damaged_file_is_named_with_what_to_run(run, name, content, told):
    (run / "metrics/data" / name).write_text(content)
    with pytest.raises(DataError, match=told) as raised:
        data_section(run)
    assert name in str(raised.value) and "run `dvc repro -s -f " in str(raised.value)
    assert "\n" not in str(raised.value)


def test_building_twice_gives_the_same(small_run, figures):
    again = {figure.name: figure for figure in data_section(small_run.root).figures}
    assert {name: figure.views for name, figure in again.items()} == {
        name: figure.views for name, figure in figures.items()
    }


def test_what_reviews_changed_is_said(run):
    assert "reviewed" not in data_section(run).text
    change(run, "generate", reviews={"pairs": 1200, "found": 1100, "dropped": 30, "replaced": 4})
    assert "Of 1,200 reviewed pairs 1,100 are" in data_section(run).text
    assert "30 are dropped as wrong, 4 are replaced" in data_section(run).text
