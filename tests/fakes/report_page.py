"""What tests do with the report page in a browser."""

import re


def until(page, expression: str) -> None:
    """Wait until an expression is true; the page forbids the eval by which Playwright's own waiting works."""
    for _ in range(200):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"it never comes true: {expression}")


def charts(page) -> list[str]:
    """Bring every chart into view, one after the other, and return their ids once they are drawn."""
    names = page.eval_on_selector_all("figure.chart", "figures => figures.map(each => each.id)")
    for name in names:
        page.locator(f"#{name}").scroll_into_view_if_needed()
        page.wait_for_selector(f"#{name} .plot.drawn svg")
    return names


def count(page) -> tuple[int, int]:
    """How many questions and pictures the examples say that they show."""
    said = page.inner_text("#shown")
    questions, pictures = re.fullmatch(
        r"([\d,]+) of [\d,]+ questions?, about ([\d,]+) of [\d,]+ pictures?", said
    ).groups()
    return int(questions.replace(",", "")), int(pictures.replace(",", ""))


def counted(pairs) -> tuple[int, int]:
    return len(pairs), pairs["image_id"].nunique()
