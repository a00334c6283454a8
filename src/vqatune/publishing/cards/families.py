"""What the cards say of a model family: its name, its classes of transformers, and how it is asked."""

from dataclasses import dataclass

_ASK_BLIP = """\
picture = Image.open("picture.jpg").convert("RGB")
inputs = processor(images=picture, text="what color is it?", return_tensors="pt")
with torch.inference_mode():
    answer = model.generate(**inputs, max_new_tokens=10)
print(processor.decode(answer[0], skip_special_tokens=True))"""

_ASK_LLAVA = """\
picture = Image.open("picture.jpg").convert("RGB")
question = "what color is it?"
prompt = f"USER: <image>\\n{question}\\nAnswer the question using a single word or phrase. ASSISTANT:"
inputs = processor(images=picture, text=prompt, return_tensors="pt")
with torch.inference_mode():
    answer = model.generate(**inputs, max_new_tokens=10)
print(processor.decode(answer[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True).strip())"""


@dataclass(frozen=True)
class FamilyCard:
    """The texts of a family."""

    name: str
    model_class: str
    processor_class: str
    ask: str
    """Python that asks `model` with `processor` about a picture."""
    hint: str
    """What to mind in asking."""


FAMILY_CARDS = {
    "blip": FamilyCard(
        "BLIP",
        "BlipForQuestionAnswering",
        "BlipProcessor",
        _ASK_BLIP,
        "Ask one question at a time: in a batch, this model's `generate` takes the padding of shorter questions for words.",
    ),
    "llava": FamilyCard(
        "LLaVA",
        "LlavaForConditionalGeneration",
        "LlavaProcessor",
        _ASK_LLAVA,
        "Ask in the words of this prompt, which it was tuned with.",
    ),
}
"""config.model_type → the texts of its family."""
