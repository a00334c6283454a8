import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import vl_convert
import yaml
from report_page import until
from warm import RUN

from vqatune.report.dvc_page import PATH, write_page_template
from vqatune.report.dvc_templates import FOLDER, templates, write_templates
from vqatune.report.history import FAMILIES, difficulty_curves, loss_history, score_curves
from vqatune.tables import write_csv

OLDEST = "5.8"
"""The oldest Vega-Lite there is to test with; DVC's page loads 5.2."""


@pytest.fixture(scope="module")
def shown(small_run, repository, tmp_path_factory, warm_server):
    """What DVC shows of two revisions with the repository's plots and templates: name → Vega-Lite; and its page."""
    root = tmp_path_factory.mktemp("plots")
    own = tmp_path_factory.mktemp("settings")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "DVC_"))}
    places = {f"DVC_{name}_DIR": str(own / name) for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")}
    person = {f"GIT_{role}_{key}": "t@x" for role in ("AUTHOR", "COMMITTER") for key in ("NAME", "EMAIL")}
    environment = kept | places | person | {"GIT_CONFIG_GLOBAL": os.devnull, "DVC_NO_ANALYTICS": "1"}
    environment |= warm_server.variables

    def run(*command: str | Path) -> subprocess.CompletedProcess:
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done

    def write(versions: list[str]) -> None:
        metrics = small_run.root / "metrics"
        for family in FAMILIES:
            write_csv(score_curves(metrics, versions, family), root / f"metrics/curves/{family}.csv")
        write_csv(difficulty_curves(metrics, versions), root / "metrics/curves/by_difficulty.csv")
        write_csv(loss_history(small_run.root / "models", versions), root / "metrics/loss.csv")

    plots = yaml.safe_load((repository / "dvc.yaml").read_text())["plots"]
    shutil.copytree(repository / FOLDER, root / FOLDER)
    shutil.copy(repository / ".dvc/config", root / ".dvc/config")
    (root / "dvc.yaml").write_text(
        yaml.safe_dump({"plots": [plot for plot in plots if isinstance(plot, dict)]})
    )
    write(small_run.versions[:3])
    run("git", "init", "--quiet")
    run("git", "add", "--all")
    run("git", "commit", "--quiet", "--message", "two versions")
    write(small_run.versions)
    dvc = [*RUN, Path(sys.executable).parent / "dvc"]
    said = run(*dvc, "plots", "diff", "HEAD", "--json")
    assert "WARNING" not in said.stderr and "ERROR" not in said.stderr
    contents = {name: plot[0]["content"] for name, plot in json.loads(said.stdout)["data"].items() if plot}
    # As `make setup` leaves it.
    write_page_template(root / PATH)
    run(*dvc, "config", "--local", "plots.html_template", PATH.name)
    page = run(*dvc, "plots", "show").stdout.strip()
    return {
        name: json.loads(text) if isinstance(text, str) else text for name, text in contents.items()
    }, page


@pytest.fixture(scope="module")
def drawn(shown):
    return shown[0]


def encodings(spec: dict) -> list[dict]:
    return [layer["encoding"] for layer in spec.get("layer", [spec])]


def test_the_committed_templates_are_those_that_the_charts_make(repository, tmp_path):
    write_templates(tmp_path)
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    committed = {path.name: path.read_text() for path in (repository / FOLDER).iterdir()}
    assert written == committed, "run `python -m vqatune.report.dvc_templates`"


def test_every_template_has_all_of_dvc_s_anchors():
    anchors = {f"<DVC_METRIC_{name}>" for name in ("DATA", "TITLE", "X", "Y", "X_LABEL", "Y_LABEL")}
    for name, content in templates().items():
        text = json.dumps(content)
        assert {anchor for anchor in anchors if f'"{anchor}"' in text} == anchors, name
        assert content["$schema"].endswith("/v5.json")


def test_every_plot_of_the_repository_has_its_template(repository):
    plots = yaml.safe_load((repository / "dvc.yaml").read_text())["plots"]
    used = {content["template"] for plot in plots if isinstance(plot, dict) for content in plot.values()}
    assert used == set(templates())


def test_dvc_draws_every_plot_with_them(drawn):
    assert {"lexical", "structural", "average_mark", "image", "by_difficulty", "loss", "loss_log"} <= set(
        drawn
    )
    for name, spec in drawn.items():
        assert "<DVC_METRIC" not in json.dumps(spec)
        fields = set.intersection(*(set(row) for row in spec["data"]["values"]))
        for encoding in encodings(spec):
            used = {part["field"] for part in encoding.values() if isinstance(part, dict) and "field" in part}
            used |= {part["field"] for part in encoding.get("tooltip", ())}
            assert used and used <= fields, name


def test_compared_revisions_are_told_apart_by_dashes(drawn):
    for name, spec in drawn.items():
        assert {row["rev"] for row in spec["data"]["values"]} == {"HEAD", "workspace"}, name
        assert encodings(spec)[-1]["strokeDash"]["field"] == "rev"


def test_the_plots_hold_for_vega_lite_5(drawn):
    for name, spec in drawn.items():
        vega = vl_convert.vegalite_to_vega(spec, vl_version=OLDEST)
        kinds = json.dumps(vega["marks"])
        assert '"line"' in kinds, name
        assert ('"area"' in kinds) == (
            name in {"lexical", "structural", "average_mark", "image", "skill", "yes_no"}
        )
        assert vega["scales"] and vega["legends"], name


def test_dvc_s_page_draws_every_plot_without_a_network(shown, page):
    plots, address = shown
    page.goto(address)
    until(page, f"document.querySelectorAll('.vega-embed :is(canvas, svg).marks').length >= {len(plots)}")
    # The fixture fails where it has asked for anything from a network.
    assert page.evaluate("document.documentElement.scrollWidth") <= 1200


def test_setup_names_the_template_that_is_written_and_git_ignores_it(repository):
    setup = (repository / "Makefile").read_text()
    assert (
        f"python -m vqatune.report.dvc_page && dvc config --quiet --local plots.html_template {PATH.name}"
        in setup
    )
    assert f"/{PATH.name}" in (repository / ".dvc/.gitignore").read_text().splitlines()
