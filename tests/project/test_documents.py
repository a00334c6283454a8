"""CONTRIBUTING.md names files that are there, and the site has all documents."""

import re

import pytest
import yaml


@pytest.fixture(scope="module")
def contributing(repository) -> str:
    return (repository / "CONTRIBUTING.md").read_text()


def test_every_path_in_contributing_exists(repository, contributing):
    named = {
        text for text in re.findall(r"`([\w./-]+)`", contributing) if "/" in text or text.endswith(".yaml")
    }
    assert len(named) > 20
    roots = (repository, repository / "src" / "vqatune")
    assert not {path for path in named if not any((root / path).exists() for root in roots)}


def test_contributing_says_where_to_go_to_add_each_thing(contributing):
    rows = re.findall(r"^\| (an? [\w -]+) \|", contributing, re.MULTILINE)
    wanted = ("metric", "slice", "model family", "catalogue source", "provider", "check", "prompt", "chart")
    wanted += ("learning-rate schedule", "stage", "parameter", "command")
    assert set(wanted) <= {row.split(" ", 1)[1] for row in rows}


def test_the_citation_and_the_workflow_are_yaml(repository):
    citation = yaml.safe_load((repository / "CITATION.cff").read_text())
    assert citation["title"] and citation["authors"] and citation["license"] == "Apache-2.0"
    workflow = yaml.safe_load((repository / ".github/workflows/ci.yml").read_text())
    assert {"run": ".ci/run"} in workflow["jobs"]["test"]["steps"]


def test_every_document_is_a_page_of_the_site_once(repository):
    named = re.findall(r": ([\w-]+\.md)$", (repository / "mkdocs.yml").read_text(), re.MULTILINE)
    outside = ["index.md", "contributing.md", "changelog.md"]
    assert sorted(named) == sorted(outside + [path.name for path in (repository / "docs").glob("*.md")])
