"""The page on which people review pairs: a picture with its metadata, a question and its answer, and four verdicts."""

import base64
from html import escape
from typing import Any

from vqatune.demo.review_book import ReviewBook
from vqatune.demo.theme import gr
from vqatune.errors import DataError
from vqatune.loading.archive import read_bytes
from vqatune.report.page.examples import thumbnail

SIZE = 640
"""The longer side of a picture, in pixels."""
LONGEST_TEXT = 300
"""Characters of a mended question or answer, and of a name."""
INTRODUCTION = """\
# Is the answer right?
Look at the picture: is this what one would ask, and is this the answer? Take what you see; the metadata only helps with
words. **Right**, **wrong** (the pair is dropped), **unclear** (you cannot tell), or **mend** it (the pair is replaced)."""
KEYS = {"right": "r", "wrong": "w", "unclear": "u", "mend": "m", "back": "b"}
STYLE = """
.gradio-container { max-width: 1100px !important; margin: 0 auto; }
#picture img { display: block; max-width: 100%; max-height: 60vh; border-radius: .4rem; background: #fff; }
#metadata dl { font-size: .9rem; margin: .5rem 0 0; }
#metadata dt { color: var(--body-text-color-subdued); }
#metadata dd { margin: 0 0 .3rem; overflow-wrap: anywhere; }
#asked p { margin: 0 0 .4rem; font-size: 1.35rem; line-height: 1.3; overflow-wrap: anywhere; }
#asked .answer { font-weight: 650; font-size: 1.7rem; }
#asked .before { font-size: .95rem; color: var(--body-text-color-subdued); }
#done { font-variant-numeric: tabular-nums; }
"""
SCRIPT = """
<script>
let [waitsAt, waitsUntil] = [null, 0];
const placeShown = () => document.querySelector("#asked [data-place]")?.dataset.place;
new MutationObserver(() => { if (placeShown() !== waitsAt) waitsAt = null; })
  .observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ["data-place"] });
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat) return;
  const writing = event.target.closest?.("input, textarea, select, [contenteditable]");
  if (writing) {
    const mending = event.target.closest("#mending");
    if (mending && event.key === "Escape") { event.target.blur(); document.querySelector("#cancel")?.click(); }
    return;
  }
  const names = %s;
  const name = names[event.key.toLowerCase()];
  const button = name && document.querySelector(`#${name}`);
  if (!button) return;
  event.preventDefault();
  // Until the next pair is there, a key would say something of this one again.
  const place = placeShown();
  if (place === waitsAt && Date.now() < waitsUntil) return;
  [waitsAt, waitsUntil] = name === "mend" ? [null, 0] : [place, Date.now() + 2000];
  button.click();
});
</script>
""" % ("{" + ", ".join(f'"{key}": "{name}"' for name, key in KEYS.items()) + "}")


def build_review_page(book: ReviewBook, reviewer: str) -> gr.Blocks:
    """Return the page for a book of reviews; `reviewer` is the name that it starts with, which may be changed."""
    handlers = _Reviewing(book)
    with gr.Blocks(title="vqatune review", analytics_enabled=False) as page:
        gr.Markdown(INTRODUCTION)
        place, current = gr.State(0), gr.State(reviewer)
        with gr.Row():
            with gr.Column(scale=3, min_width=320):
                picture = gr.HTML(elem_id="picture")
                metadata = gr.HTML(elem_id="metadata")
            with gr.Column(scale=2, min_width=320):
                name = gr.Textbox(
                    value=reviewer,
                    label="Your name",
                    max_lines=1,
                    max_length=LONGEST_TEXT,
                    elem_id="reviewer",
                )
                asked = gr.HTML(elem_id="asked")
                with gr.Row():
                    right, wrong, unclear, mend = (_button(verdict) for verdict in list(KEYS)[:4])
                with gr.Group(visible=False, elem_id="mending") as mending:
                    question = gr.Textbox(
                        label="Question", max_lines=1, max_length=LONGEST_TEXT, elem_id="new-question"
                    )
                    answer = gr.Textbox(
                        label="Answer", max_lines=1, max_length=LONGEST_TEXT, elem_id="new-answer"
                    )
                    with gr.Row():
                        save = gr.Button("Save (Enter)", variant="primary", elem_id="save")
                        cancel = gr.Button("Cancel (Esc)", elem_id="cancel")
                back = _button("back")
                done = gr.Markdown(elem_id="done")
        shown = [place, picture, metadata, asked, mending, question, answer, done]
        page.load(handlers.first, name, shown, **_WITH_MESSAGES)
        gr.on([name.submit, name.blur], handlers.take, [name, current], [current, *shown], **_WITH_MESSAGES)
        for button, verdict in ((right, "right"), (wrong, "wrong"), (unclear, "unclear")):
            button.click(
                lambda place, name, verdict=verdict: handlers.say(place, name, verdict),
                [place, name],
                shown,
                **_WITH_MESSAGES,
            )
        mend.click(lambda: gr.Group(visible=True), None, mending, **_QUICK)
        cancel.click(lambda: gr.Group(visible=False), None, mending, **_QUICK)
        mended = [place, name, question, answer]
        gr.on([save.click, question.submit, answer.submit], handlers.mend, mended, shown, **_WITH_MESSAGES)
        back.click(handlers.back, [place, name], shown, **_QUICK)
    page.queue(default_concurrency_limit=1, max_size=64, api_open=False)
    return page


_QUICK = {"show_progress": "hidden", "api_visibility": "private", "queue": False}
# Messages go through the queue.
_WITH_MESSAGES = _QUICK | {"queue": True}


def _button(name: str) -> gr.Button:
    variant = "secondary" if name in ("back", "mend") else "primary"
    return gr.Button(
        f"{name.capitalize()} ({KEYS[name].upper()})", variant=variant, elem_id=name, min_width=90
    )


class _Reviewing:
    """The handlers of the page's buttons."""

    def __init__(self, book: ReviewBook) -> None:
        self._book = book

    def first(self, name: str) -> list[Any]:
        """Show the first pair that a person has not reviewed."""
        return self._show(self._book.next_place(name.strip(), 0), name)

    def take(self, name: str, current: str) -> list[Any]:
        """Show the first pair of another person; go on as before where the name is the same."""
        return [gr.skip()] * 9 if name.strip() == current.strip() else [name, *self.first(name)]

    def say(self, place: int, name: str, verdict: str, question: str = "", answer: str = "") -> list[Any]:
        """Record a verdict, and show the next pair; show in the page why that is not possible."""
        try:
            self._book.record(place, name.strip(), verdict, question, answer)
        except DataError as error:
            gr.Warning(escape(str(error), quote=False), duration=20)
            return [gr.skip()] * 8
        return self._show(self._book.next_place(name.strip(), place + 1), name)

    def mend(self, place: int, name: str, question: str, answer: str) -> list[Any]:
        """Record a mended pair."""
        return self.say(place, name, "mend", question, answer)

    def back(self, place: int, name: str) -> list[Any]:
        """Show the pair before."""
        return self._show(max(0, place - 1), name)

    def _show(self, place: int, name: str) -> list[Any]:
        book = self._book
        done = f"{book.count(name.strip()):,} of {len(book):,} reviewed by {escape(name.strip() or '…')}"
        closed = gr.Group(visible=False)
        if place >= len(book):
            # The number stays, so that Back leads to the last pair.
            end = f"<p data-place='{len(book)}'>All pairs are reviewed. Thank you.</p>"
            return [len(book), "", "", end, closed, "", "", done]
        pair = book.pair(place)
        before = book.said(place, name.strip())
        asked = f"<p data-place='{place}'>{escape(pair['question'])}</p>"
        asked += f"<p class='answer'>{escape(pair['answer'])}</p>"
        if before:
            asked += f"<p class='before'>You said: {escape(before)}</p>"
        return [
            place,
            _picture(pair),
            _metadata(book.fields(place)),
            asked,
            closed,
            pair["question"],
            pair["answer"],
            done,
        ]


def _picture(pair: dict[str, Any]) -> str:
    try:
        content = read_bytes(pair["archive"], int(pair["offset"]), int(pair["length"]))
        small = base64.b64encode(thumbnail(content, SIZE)).decode()
    except ValueError as error:
        return f"<p>The picture does not open: {escape(str(error))}</p>"
    return f'<img alt="The picture that is asked about" src="data:image/jpeg;base64,{small}">'


def _metadata(fields: list[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in fields)
    return f"<details><summary>Metadata</summary><dl>{rows}</dl></details>"
