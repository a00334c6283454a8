import json


def test_another_rank_retrains_the_chain_and_the_first_one_comes_back_from_the_cache(shortened):
    outcome = shortened.run("dvc", "exp", "run", "-S", "lora.r=16")
    assert outcome.ran == ["train@v1", "predict@v1", "eval@v1", "report"]
    assert outcome.cached == []
    adapter = shortened.root / "models/v1/adapter_config.json"
    assert json.loads(adapter.read_text())["r"] == 16
    _check_metrics_commands(shortened)

    shortened.set_params({"lora.r": 8})
    outcome = shortened.run("dvc", "repro")
    assert outcome.cached == ["train@v1", "predict@v1"]
    assert outcome.ran == ["eval@v1", "report"]
    assert [path for path in shortened.changed_files() if path != "params.yaml"] == []


def test_the_plots_of_every_version_are_drawn(checkout):
    outcome = checkout.run("dvc", "plots", "show")
    assert "ERROR" not in outcome.stderr and "WARNING" not in outcome.stderr
    page = (checkout.root / "dvc_plots/index.html").read_text()
    for title in ("Lexical scores", "Structural scores", "Average mark", "Smoothed loss", "logarithmic"):
        assert title in page
    assert (checkout.root / "dvc_plots/static/workspace_metrics_data_distribution.png").exists()
    assert checkout.changed_files() == []


def flat(scores: dict) -> dict[str, float]:
    """Return scores by their names, those of a task after its own: multi_angle.exact_match."""
    found = {}
    for name, value in scores.items():
        found |= (
            {f"{name}.{own}": one for own, one in value.items()} if isinstance(value, dict) else {name: value}
        )
    return found


def _check_metrics_commands(checkout) -> None:
    """Whether `dvc metrics show` and `dvc metrics diff` say what metrics/ holds now and held at the last commit."""
    shown = json.loads(checkout.run("dvc", "metrics", "show", "--json").stdout)[""]["data"]
    compared = json.loads(checkout.run("dvc", "metrics", "diff", "--all", "--json").stdout)
    versions = ("blind", "base", "v1")
    folders = ("metrics", "metrics/tasks", "metrics/validation")
    assert (
        set(shown)
        == set(compared)
        == {f"{folder}/{version}.json" for folder in folders for version in versions}
    )
    for path in shown:
        now = json.loads((checkout.root / path).read_text())
        before = json.loads(checkout.run("git", "show", f"HEAD:{path}").stdout)
        assert shown[path]["data"] == now
        assert {name: change["new"] for name, change in compared[path].items()} == flat(now)
        assert {name: change["old"] for name, change in compared[path].items()} == flat(before)
