import json
import re
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import vl_convert
from chart_tables import tables

from vqatune.errors import DataError
from vqatune.report.figures.figure import Figure, Section
from vqatune.report.figures.scores import score_figures
from vqatune.report.figures.slices import slice_figures
from vqatune.report.figures.versions import version_sections
from vqatune.tables import read_csv, write_csv


@pytest.fixture(scope="module")
def sections(small_run) -> list[Section]:
    return version_sections(small_run.root, small_run.versions, "v1")


@pytest.fixture(scope="module")
def figures(sections):
    return by_name(figure for section in sections for figure in section.figures)


def apart(run: Path, versions: Sequence[str], *metrics: str) -> None:
    """Keep metrics from being equal to exact_match and to each other, as they are where answers are one word."""
    for version in versions:
        path = run / f"metrics/intervals/{version}.csv"
        table = read_csv(path)
        for place, name in enumerate(metrics, start=1):
            table.loc[table["metric"] == name, "value"] += 0.01 * place
        write_csv(table, path)


def by_name(figures: Iterable[Figure]) -> dict[str, Figure]:
    """Figures by their names."""
    return {figure.name: figure for figure in figures}


def lines(spec: dict) -> list[dict]:
    return next(table for table in tables(spec) if "low" in table[0])


def test_every_chart_is_valid_and_as_wide_as_its_place(figures):
    families = {
        f"{name}_scores" for name in ("lexical", "structural", "difficulty", "image", "blind", "yes_no")
    }
    slices = {"by_difficulty", "by_question_type", "by_product_type"}
    assert families | slices | {"loss"} == set(figures)
    for figure in figures.values():
        assert figure.alt and not figure.table.empty
        for spec in figure.views.values():
            assert spec["width"] == "container" and "config" not in spec and "title" not in spec
            assert vl_convert.vegalite_to_vega(spec | {"width": 400}, vl_version="6.4")["marks"]


def test_scores_and_bands_are_those_of_the_metrics_files(small_run, run):
    apart(run, small_run.versions, "bleu1")
    figures = by_name(score_figures(run, small_run.versions, "v2"))
    for place, version in zip([None, 0, 1, 2], small_run.versions, strict=True):
        table = read_csv(run / f"metrics/intervals/{version}.csv").set_index("metric")
        drawn = [row for row in lines(figures["lexical_scores"].views["All"]) if row["number"] == place]
        # Of those that are equal the first alone, which would be hidden by the others.
        assert {row["metric"] for row in drawn} == {"exact_match", "bleu1"}
        for row in drawn:
            for name in ("value", "low", "high"):
                assert row[name] == pytest.approx(table.loc[row["metric"], name], rel=1e-5)


def test_the_most_telling_metrics_are_shown_first_and_look_the_same_among_all(run, small_run):
    apart(run, small_run.versions, "token_overlap", "bleu1")
    figures = by_name(score_figures(run, small_run.versions, "v2"))
    views = figures["lexical_scores"].views
    assert list(views) == ["The most telling", "All"]
    assert {row["metric"] for row in lines(views["The most telling"])} == {"exact_match", "token_overlap"}

    def scales(spec: dict) -> dict:
        drawn = next(layer for layer in spec["layer"] if "layer" in layer)
        line = next(layer for layer in drawn["layer"] if layer["mark"]["type"] == "line")["encoding"]
        return {name: line[name]["scale"] for name in ("color", "shape", "strokeDash")}

    assert scales(views["The most telling"]) == scales(views["All"])
    assert scales(views["All"])["color"]["domain"][:2] == ["exact_match", "token_overlap"]


def test_of_equal_metrics_a_headline_one_is_drawn(run, small_run):
    for version in small_run.versions:
        path = run / f"metrics/intervals/{version}.csv"
        table = read_csv(path)
        table.loc[table["metric"].isin(["bleu1", "token_overlap"]), "value"] += 0.01
        write_csv(table, path)
    views = by_name(score_figures(run, small_run.versions, "v2"))["lexical_scores"].views
    drawn = {row["metric"] for row in lines(next(iter(views.values())))}
    assert drawn == {"exact_match", "token_overlap"}


def test_what_is_to_know_of_a_metric_and_lines_that_nearly_coincide_are_said_at_the_chart(run, small_run):
    apart(run, small_run.versions, "bleu1")
    for version in small_run.versions:
        path = run / f"metrics/intervals/{version}.csv"
        table = read_csv(path)
        table.loc[table["metric"] == "token_overlap", "value"] += 0.004
        write_csv(table, path)
    figures = by_name(score_figures(run, small_run.versions, "v2"))
    note = figures["lexical_scores"].note
    assert "look like one line: exact_match and token_overlap." in note
    assert "does not look; right answers that follow from the product type" in figures["image_scores"].note
    # Not of lines that are told apart, nor of one version.
    assert "look like one line" not in figures["structural_scores"].note
    assert all("look like" not in figure.note for figure in score_figures(run, ["base"], "base"))


def test_hovering_tells_every_score_of_a_version_with_its_interval(figures, small_run):
    hovered = figures["structural_scores"].views["All"]["layer"][-1]
    row = hovered["data"]["values"][1]
    table = read_csv(small_run.root / "metrics/intervals/v1.csv").set_index("metric").loc["fuzzy"]
    assert row["version"] == "v1" and hovered["encoding"]["tooltip"][0]["field"] == "version"
    assert row["fuzzy"] == f"{table['value']:.3f} ({table['low']:.3f} to {table['high']:.3f})"


def test_the_alternative_text_has_the_scores_of_base_and_of_the_leading_version(small_run, figures):
    first, last = (
        json.loads((small_run.root / f"metrics/{version}.json").read_text())["exact_match"]
        for version in ("base", "v1")
    )
    assert f"exact_match goes from {first:.3f} (base) to {last:.3f} (v1)" in figures["lexical_scores"].alt


def _rules(spec: dict) -> list[dict]:
    return [layer for layer in spec["layer"] if layer.get("mark", {}).get("type") == "rule"]


def test_base_has_a_dotted_rule_and_the_leading_version_a_solid_one(sections, figures):
    for spec in (figures["lexical_scores"].views["All"], figures["by_difficulty"].views["Curves"]):
        base, leading = _rules(spec)
        assert base["data"]["values"] == [{"number": 0}] and "strokeDash" in base["mark"]
        assert leading["data"]["values"] == [{"number": 1}] and "strokeDash" not in leading["mark"]
        assert leading["mark"]["opacity"] > 0.3
    assert "and a solid one v1" in sections[0].text


def test_where_base_leads_it_has_one_rule_and_texts_go_on_to_the_last_version(small_run):
    sections = version_sections(small_run.root, small_run.versions, "base")
    figure = by_name(figure for section in sections for figure in section.figures)["lexical_scores"]
    [rule] = _rules(figure.views["All"])
    assert "strokeDash" in rule["mark"] and "solid" not in sections[0].text
    assert re.search(r"exact_match goes from 0\.\d+ \(base\) to 0\.\d+ \(v2\)", figure.alt)
    alone = score_figures(small_run.root, ["base"], "base")[0]
    assert re.search(r"exact_match is 0\.\d+ \(base\)", alone.alt)


def test_the_blind_guess_is_a_dashed_line_across_and_no_point_of_the_chain(small_run, sections, figures):
    blind = json.loads((small_run.root / "metrics/blind.json").read_text())
    view = figures["lexical_scores"].views["All"]
    across, line = next(layer for layer in view["layer"] if "layer" in layer)["layer"][1:]
    assert across["mark"]["type"] == "rule" and across["mark"]["strokeDash"] and "x" not in across["encoding"]
    assert across["transform"] == [{"filter": "!isValid(datum.number)"}]
    assert line["transform"] == [{"filter": "isValid(datum.number)"}]
    [row] = [row for row in lines(view) if row["number"] is None and row["metric"] == "exact_match"]
    assert row["value"] == pytest.approx(blind["exact_match"], rel=1e-5)
    assert [row["version"] for row in view["layer"][-1]["data"]["values"]] == small_run.versions[1:]
    assert f"; a blind guess has {blind['exact_match']:.3f}" in figures["lexical_scores"].alt
    assert list(figures["lexical_scores"].table["version"]) == small_run.versions
    # It has no grounding, which is no news.
    assert list(figures["image_scores"].table["version"]) == small_run.versions[1:]
    assert "absent" not in figures["image_scores"].note
    assert "is the blind guess" in sections[0].text


def test_a_metric_that_is_absent_is_named_with_the_reason(run, small_run):
    path = run / "metrics/intervals/v2.csv"
    table = read_csv(path).astype({"absent": object})
    # As where WordNet is not there, or a model is not set.
    table.loc[len(table), ["metric", "absent"]] = ["meteor", "WordNet is not installed."]
    table.loc[table["metric"] == "token_overlap", ["value", "low", "high"]] = np.nan
    write_csv(table, path)
    figure = by_name(score_figures(run, small_run.versions, "v2"))["lexical_scores"]
    assert "meteor is absent: WordNet is not installed." in figure.note
    drawn = [(row["metric"], row["number"]) for row in lines(figure.views["All"])]
    assert ("token_overlap", 1) in drawn and ("token_overlap", 2) not in drawn


def test_metrics_that_are_equal_in_all_versions_are_named(run, small_run):
    for version in small_run.versions:
        path = run / f"metrics/intervals/{version}.csv"
        table = read_csv(path).set_index("metric", drop=False)
        table.loc["bleu1", "value"] = table.loc["exact_match", "value"]
        write_csv(table, path)
    figure = by_name(score_figures(run, small_run.versions, "v2"))["lexical_scores"]
    head, groups = figure.note.removesuffix(".").split(": ")
    assert head == "Equal in all versions (chart and table have the first)"
    named = next(group for group in groups.split("; ") if "bleu1" in group)
    assert named.startswith("exact_match, ")
    assert "exact_match" in figure.table and "bleu1" not in figure.table


def test_a_metric_of_a_scale_of_its_own_has_a_chart_of_its_own(run, small_run):
    for version in small_run.versions:
        path = run / f"metrics/intervals/{version}.csv"
        table = read_csv(path)
        table.loc[len(table), ["metric", "value", "low", "high"]] = ["bartscore", -4.5, -5.0, -4.0]
        write_csv(table, path)
    figures = by_name(score_figures(run, small_run.versions, "v2"))
    assert [row["value"] for row in lines(figures["bartscore"].views["All"])] == [-4.5] * 4
    assert "-4.5" not in json.dumps(figures["lexical_scores"].views)


def test_heat_maps_have_the_scores_and_counts_of_every_slice(small_run, figures):
    for slice_, view in (
        ("difficulty", "Heat map"),
        ("question_type", "Heat map"),
        ("product_type", "Largest types"),
    ):
        cells = {
            (row["value"], row["version"]): row for row in tables(figures[f"by_{slice_}"].views[view])[0]
        }
        for version in small_run.versions:
            table = read_csv(small_run.root / f"metrics/by/{version}.csv")
            for row in table[table["slice"] == slice_].itertuples():
                cell = cells[str(row.value), version]
                assert cell["exact_match"] == pytest.approx(row.exact_match, rel=1e-5)
                assert (cell["pairs"], cell["images"]) == (row.pairs, row.images)
                assert cell["text"] == f"{100 * row.exact_match:.0f}"


def test_the_best_and_the_worst_slice_are_in_the_alternative_text(small_run, figures):
    table = read_csv(small_run.root / "metrics/by/v1.csv")
    table = table[table["slice"] == "question_type"].sort_values("exact_match", kind="stable")
    assert (
        f"best at {table['value'].iloc[-1]} ({table['exact_match'].iloc[-1]:.1%}"
        in figures["by_question_type"].alt
    )
    assert (
        f"worst at {table['value'].iloc[0]} ({table['exact_match'].iloc[0]:.1%}"
        in figures["by_question_type"].alt
    )


def test_small_product_types_are_one_row_weighted_by_their_pairs(run, small_run):
    for version in small_run.versions:
        pairs = np.arange(40, 0, -1)
        types = pd.DataFrame(
            {"slice": "product_type", "value": [f"T{n:02}" for n in range(40)], "pairs": pairs}
        )
        types = types.assign(images=2, exact_match=np.where(pairs > 8, 0.5, 0.25))
        tiers = pd.DataFrame(
            {"slice": "tier", "value": [0, 1000], "pairs": 9, "images": 3, "exact_match": 0.5}
        )
        write_csv(pd.concat([types, tiers]), run / f"metrics/by/{version}.csv")
    figures = by_name(slice_figures(run, small_run.versions, small_run.versions[-1]))
    assert "by_difficulty" not in figures
    views = figures["by_product_type"].views
    assert list(views) == ["Largest types", "Tiers of sampling"]
    cells = tables(views["Largest types"])[0]
    assert list(dict.fromkeys(row["value"] for row in cells)) == [
        *(f"T{n:02}" for n in range(24)),
        "16 others",
    ]
    rest = cells[-1]
    assert (rest["pairs"], rest["images"]) == (136, 32)
    assert rest["exact_match"] == pytest.approx((100 * 0.5 + 36 * 0.25) / 136, rel=1e-5)
    assert {row["value"] for row in tables(views["Tiers of sampling"])[0]} == {"≥ 1,000", "< 1,000"}


def test_a_single_tuned_version_is_enough(small_run):
    sections = version_sections(small_run.root, ["base", "v1"], "v1")
    figures = by_name(figure for section in sections for figure in section.figures)
    columns = figures["difficulty_scores"].views["All"]["layer"][-1]["data"]["values"]
    assert [(row["number"], row["version"]) for row in columns] == [(0, "base"), (1, "v1")]
    assert "of 1 version." in figures["loss"].alt


@pytest.mark.parametrize("path", [f"metrics/{name}" for name in ("v2.json", "intervals/v2.csv", "by/v2.csv")])
def test_a_version_without_scores_is_named_with_what_to_run(run, small_run, path):
    (run / path).unlink()
    with pytest.raises(DataError, match="does not exist: run `dvc repro eval@v2`") as raised:
        version_sections(run, small_run.versions, "v1")
    assert path in str(raised.value) and "\n" not in str(raised.value)


def test_versions_without_a_training_log_are_one_line(run, small_run):
    shutil.rmtree(run / "models")
    with pytest.raises(DataError, match="holds no training log"):
        version_sections(run, small_run.versions, "v1")


def test_a_base_alone_is_shown_without_losses(run):
    shutil.rmtree(run / "models")
    sections = version_sections(run, ["blind", "base"], "base")
    assert [section.name for section in sections] == ["scores", "slices"]
    assert sections[0].text.startswith("The base model, measured on")
