"""Classification of questions into types by their words."""

import re

import pandas as pd

from vqatune.generation.checks.cleaning import fold, map_distinct

QUESTION_TYPES = (
    "object",
    "color",
    "shape",
    "pattern",
    "material",
    "count",
    "position",
    "size",
    "function",
    "style",
    "text",
    "other",
)


def question_types(questions: pd.Series) -> pd.Series:
    """Return the type of every question; each distinct question is classified once."""
    return map_distinct(question_type_of, questions)


def question_type_of(question: str) -> str:
    """Return one of QUESTION_TYPES: the type of the first keyword after the question word."""
    text = _answer_form.sub("what", fold(question))
    start = _asking.search(text)
    for level in _levels:
        found = level.search(text, start.start() if start else 0)
        if found:
            return str(found.lastgroup)
    return "object" if _names_a_thing.search(text) else "other"


# Words that name the attribute a question asks for.
_attributes = {
    "count": "how many|number of|amount of|quantity|count of",
    "color": "colou?r|hue|shade|tint|tone|palette|coloration|tonal|saturation|chromatic",
    "shape": "shape|silhouette|outline|contour|curvature|form|profile|geometry|geometric|cross section",
    "pattern": "pattern|motif|print|decoration|embellishment|ornament|weave",
    "material": "material|made of|made from|made out of|fabric|texture|textural|finish|textile|upholstery"
    "|composition|composed|sheen|glossiness|tactile|type of (?:metal|wood|stone)",
    "position": "where|position|placement|located|location|orientation|oriented|facing|direction|arrangement"
    "|arranged|spatial|alignment|side|on top|left|right",
    "size": "size|how (?:big|large|long|wide|tall|high|thick|deep)|height|width|length|depth|thickness|diameter"
    "|weight|capacity|volume|proportion|dimension|bigger|larger|smaller|longer|taller",
    "function": "function|purpose|used for|used to|used with|designed for|intended|usage|room|season|occasion"
    "|activity|secures",
    "text": "brand|written|words|text|letter|read|say|inscription|slogan|printed on|language|(?:what|which) number"
    "|number (?:printed|displayed|shown|on)",
    "style": "style|design(?! element| feature| detail)|aesthetic|look|theme|era|fashion|formal|mood|impression",
}
# Words that hint at the type where no attribute is named.
_things = {
    "object": "object|product|item|animal|fruit|furniture|appliance|device|jewelry|footwear",
    "material": "metal|wood|wooden|stone|gemstone|leather|plastic|glass|cotton|textured",
    "text": "logo|label|number",
    "position": "above|below|behind|beside|beneath|next to|in front of",
    "pattern": "striped?|floral|plain|patterned|plaid|checkered|decorated",
    "color": "black|white|red|green|blue|yellow|orange|purple|pink|brown|gr[ae]y|beige|silver|gold(?:en)?",
    "shape": "round|rectangular|square|oval|circular|triangular|pointed|curved|cylindrical|flat",
    "count": "pair|single|multiple",
}
_levels = tuple(
    (
        re.compile(
            r"\b(?:" + "|".join(f"(?P<{kind}>{words})" for kind, words in level.items()) + r")(?:s|ed)?\b"
        )
    )
    for level in (_attributes, _things)
)
_asking = re.compile(
    r"\b(what|which|how|where|who|whose|describe|name|identify|is|are|does|do|has|have|can)\b"
)
# These name the form of the answer, not its subject.
_answer_form = re.compile(
    r"\b(?:(?:what|which|that) )?(?:(?:one|single|best|descriptive|geometric) )*(?:word|term|adjective|descriptor)\b"
)
_names_a_thing = re.compile(
    r"\b(what|which|who|whose|name|identify|there|have|has|present|visible|shown|include[sd]?)\b"
)
