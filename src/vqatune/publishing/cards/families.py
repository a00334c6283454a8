"""What the cards say of a model family: its name, its classes of transformers, and how it is asked."""

from dataclasses import dataclass

_ASK_BLIP = """\
picture = Image.open("picture.jpg").convert("RGB")
inputs = processor(images=picture, text="what color is it?", return_tensors="pt")
with torch.inference_mode():
    answer = model.generate(**inputs, max_new_tokens=10)
print(processor.decode(answer[0], skip_special_tokens=True))"""

_ASK_VILT = """\
picture = Image.open("picture.jpg").convert("RGB")
inputs = processor(images=picture, text="what color is it?", return_tensors="pt")
with torch.inference_mode():
    scores = model(**inputs).logits[0]
print(model.config.id2label[int(scores.argmax())])"""

_ASK_PROMPT = """\
picture = Image.open("picture.jpg").convert("RGB")
question = "what color is it?"
prompt = f"{PROMPT}"
inputs = processor(images=picture, text=prompt, return_tensors="pt")
with torch.inference_mode():
    answer = model.generate(**inputs, max_new_tokens=10)
print(processor.decode(ANSWER, skip_special_tokens=True).strip())"""


def _ask_prompt(prompt: str, answer_alone: bool = False) -> str:
    """Return Python that asks in a prompt; `answer_alone`: whether generation returns the answer without the prompt."""
    written = prompt.replace("{}", "{question}").replace("\n", "\\n")
    answer = "answer[0]" if answer_alone else 'answer[0, inputs["input_ids"].shape[1] :]'
    return _ASK_PROMPT.replace("{PROMPT}", written).replace("ANSWER", answer)


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


_IN_THE_PROMPT = "Ask in the words of this prompt, which it was tuned with."
_QWEN = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
    "<|vision_start|><|image_pad|><|vision_end|>{}\nAnswer the question using a single word or phrase.<|im_end|>\n"
    "<|im_start|>assistant\n"
)

FAMILY_CARDS = {
    "blip": FamilyCard(
        "BLIP",
        "BlipForQuestionAnswering",
        "BlipProcessor",
        _ASK_BLIP,
        "Ask one question at a time: in a batch, this model's `generate` takes the padding of shorter questions for words.",
    ),
    "blip-2": FamilyCard(
        "BLIP-2",
        "Blip2ForConditionalGeneration",
        "Blip2Processor",
        _ask_prompt("Question: {} Short answer:", answer_alone=True),
        _IN_THE_PROMPT,
    ),
    "llava": FamilyCard(
        "LLaVA",
        "LlavaForConditionalGeneration",
        "LlavaProcessor",
        _ask_prompt("USER: <image>\n{}\nAnswer the question using a single word or phrase. ASSISTANT:"),
        _IN_THE_PROMPT,
    ),
    "idefics3": FamilyCard(
        "Idefics3",
        "Idefics3ForConditionalGeneration",
        "Idefics3Processor",
        _ask_prompt("<|im_start|>User:<image>{}\nGive a very brief answer.<end_of_utterance>\nAssistant:"),
        _IN_THE_PROMPT,
    ),
    "qwen2_5_vl": FamilyCard(
        "Qwen2.5-VL",
        "Qwen2_5_VLForConditionalGeneration",
        "Qwen2_5_VLProcessor",
        _ask_prompt(_QWEN),
        _IN_THE_PROMPT,
    ),
    "qwen2_vl": FamilyCard(
        "Qwen2-VL", "Qwen2VLForConditionalGeneration", "Qwen2VLProcessor", _ask_prompt(_QWEN), _IN_THE_PROMPT
    ),
    "vilt": FamilyCard(
        "ViLT",
        "ViltForQuestionAnswering",
        "ViltProcessor",
        _ASK_VILT,
        "This takes the best of all labels. The scores below are of the best of a closed list of candidates.",
    ),
}
"""config.model_type → the texts of its family, of those that are tuned."""
