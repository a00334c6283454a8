import pandas as pd
import pytest

from vqatune.report.page.views import COUNT, Views, view_data


@pytest.fixture(scope="module")
def shown(small_run) -> list[Views]:
    return view_data(small_run.root, small_run.versions, "v1", small_run.params.seed)


def test_questions_that_are_answered_alike_come_first_and_as_many_others_follow(shown):
    assert 0 < len(shown) <= 2 * COUNT
    alike = [
        len({text.lower() for view in each.views for name, text, _ in view.answers if name == "v1"}) == 1
        for each in shown
    ]
    assert alike == sorted(alike, reverse=True) and not all(alike)


def test_every_view_has_a_picture_and_the_answers_of_the_base_and_the_leading_version(shown, small_run):
    predicted = {
        version: pd.read_parquet(small_run.root / f"data/predictions/tasks/{version}.parquet")
        for version in ("base", "v1")
    }
    given = {version: set(table["prediction"]) for version, table in predicted.items()}
    for each in shown:
        assert len(each.views) > 1
        for view in each.views:
            assert view.source.startswith("data:image/jpeg;base64,")
            assert [name for name, _, _ in view.answers] == ["base", "v1"]
            for name, text, right in view.answers:
                assert text in given[name]
                assert right == (text.lower().split() == each.reference.lower().split())


def test_the_page_shows_them_and_escapes_what_a_model_says(small_page, shown):
    page = small_page.read_text("utf-8")
    assert page.count('<figure class="views">') == len(shown)
    assert 'href="#views"' in page and 'href="#tasks"' in page
