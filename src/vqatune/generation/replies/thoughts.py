"""Thoughts that a model puts before its answer, in the marks of its family."""

import re

_NAMES = "think|thinking|thought|thoughts|reasoning|reflection|analysis|seed:think|cot|scratchpad"
_MARKS = (
    # DeepSeek, Qwen, GLM and many others; Seed-OSS.
    (rf"<(?:{_NAMES})>", rf"</(?:{_NAMES})>"),
    # Kimi-VL.
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    # Magistral.
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    # gpt-oss, whose answer comes in a channel of its own.
    (r"<\|channel\|>\s*analysis\s*<\|message\|>", r"<\|channel\|>\s*final\s*<\|message\|>"),
    # MedGemma.
    (r"<unused94>(?:thought)?", r"<unused95>"),
)
_OPENING = re.compile("|".join(f"(?:{opening})" for opening, _ in _MARKS), re.IGNORECASE)
_CLOSING = [re.compile(closing, re.IGNORECASE) for _, closing in _MARKS]
_ANY_CLOSING = re.compile("|".join(f"(?:{closing.pattern})" for closing in _CLOSING), re.IGNORECASE)
_AFTER = re.compile(
    r"^(?:<\|(?:return|end|begin_of_solution|end_of_solution)\|>|<answer>|\s)+", re.IGNORECASE
)


def without_thoughts(text: str) -> str:
    """Return the text after the thoughts that it begins with, empty where they do not end.

    Some servers put the opening mark into the prompt, so that the reply has only the closing one.
    """
    text = text.strip()
    if opening := _OPENING.match(text):
        kind = next(
            place for place, (mark, _) in enumerate(_MARKS) if re.fullmatch(mark, opening[0], re.IGNORECASE)
        )
        closing = _CLOSING[kind].search(text, opening.end())
        return "" if closing is None else _AFTER.sub("", text[closing.end() :])
    if text.startswith(("{", "[", "`")):
        return text
    closings = list(_ANY_CLOSING.finditer(text))
    return _AFTER.sub("", text[closings[-1].end() :]) if closings else text
