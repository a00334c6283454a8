"""The section on errors in a browser: its links and cells lead to examples of the error."""

import re

from report_page import charts, count, until

FIRST = "#errors .scroll tbody tr >> nth=0"


def test_a_wrong_answer_leads_to_the_pictures_behind_it_and_its_address_can_be_sent(page, opened, pairs):
    cells = opened.locator(FIRST).locator("th, td").all_text_contents()
    kind, reference, said = re.fullmatch(r"(\S+) (.+) → (.+)", cells[0]).groups()
    wanted = pairs[
        (pairs["question_type"] == kind)
        & (pairs["answer"].str.lower() == reference)
        & (pairs["v1_answer"].str.lower() == said)
    ]
    assert cells[1] == cells[3] == str(len(wanted))
    opened.locator(FIRST).locator("a").click()
    until(opened, f"document.querySelector('#shown').textContent.startsWith('{len(wanted)} of')")
    until(opened, "Math.abs(document.querySelector('#examples').getBoundingClientRect().top) < 40")
    address = opened.url
    for name, value in {"kind": kind, "ref": reference, "b": "v1", "said": said}.items():
        assert opened.input_value(f"[name={name}]") == value
    # The leading version stands there without being said.
    assert all(f"{name}=" in address for name in ("kind", "ref", "said"))
    page.goto("about:blank")
    page.goto(address)
    assert count(page)[0] == len(wanted)
    # However it is written.
    page.fill("[name=ref]", f"  {reference.upper()} ")
    page.wait_for_timeout(200)
    assert count(page)[0] == len(wanted)
    page.fill("[name=said]", "")
    page.fill("[name=ref]", "")
    of_type = (pairs["question_type"] == kind).sum()
    until(page, f"document.querySelector('#shown').textContent.startsWith('{of_type} of')")


def test_a_press_on_a_cell_of_the_confusions_leads_to_its_pictures(opened):
    opened.emulate_media(reduced_motion="reduce")
    charts(opened)
    pressed = opened.locator("#confusion svg .mark-rect.role-mark").last.locator("path").first
    label = pressed.get_attribute("aria-label")
    said, reference, examples = re.search(
        r"prediction: (.+?); reference: (.+?); .*examples: (\d+)", label
    ).groups()
    pressed.click()
    until(opened, f"document.querySelector('#shown').textContent.startsWith('{examples} of')")
    until(opened, "Math.abs(document.querySelector('#examples').getBoundingClientRect().top) < 40")
    assert (opened.input_value("[name=ref]"), opened.input_value("[name=said]")) == (reference, said)
    assert opened.input_value("[name=b]") == "v1"


def test_the_links_of_the_confusions_are_in_their_table_too(opened):
    table = opened.locator("#confusion details table")
    links = table.locator("a")
    assert links.count() > 20
    pairs = table.locator("tbody tr:has(a)").evaluate_all(
        "rows => rows.map(row => [row.cells[1], row.cells[3]].map(each => each.textContent))"
    )
    # All pictures of the small run are among its examples.
    assert all(counted == shown for counted, shown in pairs)


def test_yes_no_questions_by_type_and_the_first_chart_are_of_the_version_that_validation_chooses(
    opened, pairs
):
    assert "A ring marks v1" in opened.inner_text("#overall")
    rows = opened.locator("#yes_no_types tbody tr")
    cells = rows.evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")
    asked = pairs[pairs["answer"].str.lower().isin(["yes", "no"])]
    of_types = {kind: some for kind, some in asked.groupby("question_type")}
    assert len(of_types) > 1 and {row[0] for row in cells} == set(of_types)
    for kind, questions, right, yes, *_ in cells:
        some = of_types[kind]
        assert (questions, right) == (f"{len(some):,}", f"{some['v1'].mean():.3f}")
        assert yes == f"{(some['v1_answer'].str.lower() == 'yes').mean():.3f}"
