"""The page: an image, a question, two versions, and the answer of each."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from vqatune.demo import results
from vqatune.demo.examples import Example
from vqatune.demo.loaded_versions import Versions
from vqatune.demo.theme import gr
from vqatune.errors import ImageError, VqatuneError
from vqatune.inference.answering.image_input import MOST_BYTES, MOST_PIXELS, decode_image
from vqatune.loading.pictures import FORMAT_NAMES

LONGEST_QUESTION = 300
"""Characters of a question."""
LIMITS = f"{FORMAT_NAMES}; up to {MOST_BYTES // 10**6} MB and {MOST_PIXELS // 10**6} megapixels"
INTRODUCTION = "# Ask about a picture\nEvery version of the model answers for itself; compare two of them."
NOTE = """\
**What the map is.** The answer looks at the words of the question, and these have looked at patches of the picture.
Attention is followed through both (rollout): the patches within the innermost lines went into the answer most. **What it is not:** a proof
of why the answer was given. Attention shows where the model took something from, not what it took or whether it
mattered, and the patches have exchanged what they hold before anything looks at them. Each map has a scale of its own.

Probabilities are those of whole answers among everything that the model can write."""
STYLE = (
    results.STYLE
    + """
.gradio-container { max-width: 1280px !important; margin: 0 auto; }
#examples .grid-wrap { min-height: 0; max-height: none; overflow: visible; }
#examples .grid-container { grid-template-columns: repeat(6, minmax(0, 1fr)); padding-top: 0;
  grid-auto-rows: max-content; align-content: start; }
@media (max-width: 640px) { #examples { max-width: calc(100vw - 4rem); } #examples .grid-wrap { overflow-x: auto; }
  #examples .grid-container { display: flex; } #examples .grid-container > * { flex: 0 0 5rem; } }
#examples .thumbnail-item { width: 100%; height: auto; aspect-ratio: 1; }
#examples .caption-label { inset: auto 0 0 0; max-width: none; padding: 0 .2rem; border: 0; border-radius: 0;
  font-size: .72rem; text-align: center; }
#note, #note p { font-size: .9rem; }
"""
)


def build_page(versions: Versions, examples: Sequence[Example]) -> gr.Blocks:
    """Return the page for some versions and images to pick from; it is styled where it is mounted."""
    asking = _Asking(versions, examples)
    with gr.Blocks(title="vqatune demo", analytics_enabled=False) as page:
        gr.Markdown(INTRODUCTION)
        # Which example is shown, until another image is given.
        chosen = gr.State(None)
        with gr.Row():
            with gr.Column(scale=2, min_width=320):
                image = _image_input()
                gallery, listed = _offer(examples)
            with gr.Column(scale=3, min_width=320):
                question = gr.Textbox(
                    label="Question",
                    placeholder="What color is it?",
                    max_lines=1,
                    max_length=LONGEST_QUESTION,
                    elem_id="question",
                )
                reference = gr.Markdown(elem_id="reference", visible=False)
                with gr.Row(equal_height=True):
                    first = gr.Dropdown(
                        versions.names, value=versions.names[-1], label="Version A", min_width=120
                    )
                    second = gr.Dropdown(
                        versions.names, value=versions.names[0], label="Version B", min_width=120
                    )
                    ask = gr.Button("Ask", variant="primary", min_width=120, elem_id="ask")
                with gr.Row():
                    answers = [_answer(letter) for letter in "AB"]
        gr.Markdown(NOTE, elem_id="note")

        asked = [image, question, first, second, chosen]
        gr.on([ask.click, question.submit], asking.answer, asked, answers, **_ONE_AT_A_TIME)
        example = [chosen, listed, reference]
        image.upload(asking.check, image, [image, *example], **(_QUICK | {"queue": True}))
        image.clear(_no_example, None, example, **_QUICK)
        gallery.select(asking.pick, None, [image, question, *example], **_QUICK)
        listed.input(lambda text: text, listed, question, **_QUICK)
        question.change(asking.reference, [chosen, question], reference, trigger_mode="always_last", **_QUICK)
    page.queue(default_concurrency_limit=1, max_size=16, api_open=False)
    return page


_QUICK = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
_ONE_AT_A_TIME = {"concurrency_limit": 1, "show_progress": "minimal", "api_visibility": "private"}


def _image_input() -> gr.Image:
    """Return an image component that hands an upload on as it came: unopened, as it has not been checked yet.

    Gradio's own opens what it is given and, where a request asks for it, decodes a data URL or fetches an address.
    A class derived from Gradio's would not do: it writes a file beside its source.
    """
    component = gr.Image(
        label="Picture",
        sources=["upload"],
        type="filepath",
        image_mode=None,
        height=320,
        buttons=[],
        placeholder=f"# Drop a picture here\nor click to choose one.\n{LIMITS}.",
        alt_text="The picture that is asked about",
        elem_id="picture",
    )
    keep = component.async_move_resource_to_block_cache

    async def keep_upload(path: str | Path | None) -> str | None:
        if "://" in str(path):
            raise gr.Error("Give the picture as a file.", print_exception=False)
        return await keep(path)

    component.preprocess = lambda upload: None if upload is None else upload.path
    component.async_move_resource_to_block_cache = keep_upload
    return component


def _offer(examples: Sequence[Example]) -> tuple[gr.Gallery, gr.Dropdown]:
    gr.Markdown(
        "Or pick one of the test set:"
        if examples
        else "There is no test set here to pick a picture from: `dvc repro split` makes it."
    )
    gallery = gr.Gallery(
        [(str(example.thumbnail), example.caption) for example in examples],
        label="Pictures of the test set",
        show_label=False,
        columns=6,
        object_fit="cover",
        allow_preview=False,
        interactive=False,
        buttons=[],
        visible=bool(examples),
        elem_id="examples",
    )
    listed = gr.Dropdown([], label="Its questions in the test set", visible=False, elem_id="listed")
    return gallery, listed


def _answer(letter: str) -> gr.HTML:
    nothing_yet = f'<p class="result quiet">The answer of version {letter} appears here.</p>'
    with gr.Column(min_width=230):
        return gr.HTML(nothing_yet, elem_id=f"answer-{letter.lower()}", padding=False)


class _Asking:
    """The handlers of the page's buttons."""

    def __init__(self, versions: Versions, examples: Sequence[Example]) -> None:
        self._versions, self._examples = versions, examples

    def answer(
        self, path: str | None, question: str, first: str, second: str, chosen: int | None
    ) -> list[str] | list[dict]:
        """Ask both versions, or show in the page why that is not possible."""
        question = question.strip()
        if path is None:
            return _say("Give a picture first: drop one, or pick one of the test set.")
        if not question:
            return _say("Ask a question first.")
        try:
            content = Path(path).read_bytes()
            opened = decode_image(content)
            seen = [self._versions.ask(name, content, question) for name in dict.fromkeys([first, second])]
        except VqatuneError as error:
            return _say(_sentence(error))
        expected = None if chosen is None else self._examples[chosen].answers.get(question)
        shown = [results.show(one, opened, expected) for one in seen]
        return [shown[0], shown[-1]]

    def check(self, path: str | None) -> tuple:
        """Keep an upload if it is an image, and remove it with a message if it is not."""
        try:
            if path is not None:
                decode_image(Path(path).read_bytes())
        except ImageError as error:
            _say(_sentence(error))
            path = None
        return path, *_no_example()

    def pick(self, event: gr.SelectData) -> tuple:
        """Take an example: its image and its first question."""
        example = self._examples[event.index]
        questions = list(example.answers)
        listed = gr.Dropdown(questions, value=questions[0], visible=True)
        shown = self.reference(event.index, questions[0])
        return str(example.image), questions[0], event.index, listed, shown

    def reference(self, chosen: int | None, question: str) -> gr.Markdown:
        """Show the test set's answer to a question about an example."""
        answer = None if chosen is None else self._examples[chosen].answers.get(question.strip())
        return gr.Markdown(
            "" if answer is None else f"The test set says: **{answer}**", visible=answer is not None
        )


def _no_example() -> tuple:
    """Return that no example is shown, and hide what belongs to one."""
    return None, gr.Dropdown(visible=False), gr.Markdown(visible=False)


def _say(message: str) -> list[dict]:
    """Show a message, and leave the answers as they are."""
    gr.Warning(escape(message), duration=20)
    return [gr.skip(), gr.skip()]


def _sentence(error: VqatuneError) -> str:
    text = str(error)
    return f"{text[:1].upper()}{text[1:]}."
