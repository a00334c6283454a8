"""The check for answers that only a product's text can give: dimensions, weights, capacities, prices, model numbers.

It goes by the answer's form, the quantity that the question asks for, and the listing. Numbers that an image shows stay:
counts, and numbers that can be read in it. Questions are understood in English only, answers in every language.
"""

import json
import re

import numpy as np
import pandas as pd

from vqatune.generation.checks.cleaning import fold


def not_visible(pairs: pd.DataFrame) -> np.ndarray:
    """Return for each pair whether its answer is only in the product's text (bool).

    `pairs` is clean and has question and answer, and optionally metadata: the listing as JSON, field → list of values
    (as in tables.SAMPLED), which may be missing.
    """
    found = np.zeros(len(pairs), dtype=bool)
    codes, answers = pd.factorize(pairs["answer"].to_numpy(dtype=object))
    numbers = np.array([bool(_number.search(answer)) for answer in answers], dtype=bool)
    rows = np.flatnonzero(numbers[codes]) if len(answers) else codes
    if not len(rows):
        return found
    measures = [bool(_measure.fullmatch(answer) or _price.fullmatch(answer)) for answer in answers]
    names = [_is_model_number(answer) for answer in answers]
    listed = pairs["metadata"] if "metadata" in pairs.columns else None
    asked: dict[str, tuple[bool, bool]] = {}
    for row, question in zip(rows.tolist(), pairs["question"].iloc[rows].tolist(), strict=True):
        if question not in asked:
            text = fold(question)
            asked[question] = bool(_readable.search(text)), asks_for_measure(text)
        readable, measured = asked[question]
        code = codes[row]
        found[row] = not readable and (
            measured
            or measures[code]
            or (names[code] and listed is not None and _is_listed(answers[code], listed.iat[row]))
        )
    return found


def asks_for_measure(folded: str) -> bool:
    """Return whether a folded question asks for a dimension, weight, capacity, price or model number.

    One that counts ('how many drawers') or compares ('how many times', 'taller than') does not.
    """
    if _counted_units.search(folded):
        return True
    return bool(_measured.search(folded)) and not _counts_or_compares.search(folded)


def _is_model_number(answer: str) -> bool:
    letters, digits = sum(map(str.isalpha, answer)), sum(map(str.isdigit, answer))
    return letters > 0 and digits > 1 and letters + digits > 4 and not _plain_compound.fullmatch(answer)


def _is_listed(answer: str, metadata: object) -> bool:
    if not isinstance(metadata, str):
        return False
    texts = " ".join(str(text) for values in json.loads(metadata).values() for text in values)
    return f" {fold(answer)} " in f" {fold(texts)} "


_words = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
    " nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred thousand half"
).replace(" ", "|")
_number = re.compile(rf"\d|^(?:{_words})(?:-(?:{_words}|point))*$", re.IGNORECASE)

# A single letter is not always a unit: 3M is a maker, 5G a network, 2T an age.
_units = (
    "[mcdk]m|(?<!3)m|metres?|meters?|centimet(?:re|er)s?|millimet(?:re|er)s?|inch(?:es)?|in|ft|feet|foot|yds?|yards?|mil"
    "|[mk]g|(?<=\\d\\d)gr?|gms?|grams?|kgs|kilos?|kilograms?|lbs?|pounds?|oz|ounces?|qts?|quarts?|gal|gallons?|pints?"
    "|[mcd]l|(?-i:L)|lt?rs?|lit(?:re|er)s?|cc|cu|sqft|sqm|mah|wh|[kmgt]b|mbps|gbps|mhz|ghz|hz|kw|watts?|(?<=\\d)w|volts?|v|va"
    "|lumens?|lm|db|psi|rpm|btu|gsm|carats?|cts?|cttw|usd|eur|gbp|inr|dollars?|euros?|rupees?|厘米|毫米|公分|米|公斤|千克|克"
    "|毫升|升|元|円|センチ|グラム|キロ|リットル|सेमी|किलो|ग्राम|लीटर|سم|كجم|مم|لتر"
)
_figure = r"[~<>±]?\.?\d(?:[\d.,/'\"\- x×]|by)*?"
_measure = re.compile(rf"{_figure}[- ]?(?:{_units})\.?[²³23]?|{_figure}\"|\d+'(?:\d+\"?)?", re.IGNORECASE)
_price = re.compile(
    r"(?:us|rs\.?|[a-z]{0,2})[$€£¥₹₺₩₽]\.?\d[\d.,]*|\d[\d.,]*[$€£¥₹₺₩₽]|rs\.?\d[\d.,]*", re.IGNORECASE
)
# Decades, ordinals and compounds of a number and a word ('1980s', '925th', '12-drawer') are no model numbers.
_plain_compound = re.compile(r"\d[\d.,]*[- ]?(?:s|st|nd|rd|th|[a-z]{3,})", re.IGNORECASE)

_length = "inch(?:es)?|centimet(?:re|er)s?|millimet(?:re|er)s?|met(?:re|er)s|cm|mm"
_amount = "grams?|kilograms?|kgs?|kilos?|pounds|lbs?|ounces|oz|lit(?:re|er)s?|millilit(?:re|er)s?|ml|gallons?|quarts?"
_power = "watts?|volts?|amps?|lumens?|btus?|carats?|milliamps?|mah|gigabytes?|gb|decibels?"
_counted_units = re.compile(
    rf"\bhow many (?:{_length}|{_amount}|{_power}|square (?:feet|met\w+|inches)|(?:feet|foot) (?:tall|wide|long|high|deep))\b"
    r"|\bhow much (?:does|do|is|are|did|would|will)\b.*\b(?:cost|weigh|hold|sell)\b|\bhow much (?:weight|liquid|water) "
)
_measured = re.compile(
    rf"\bhow (?:tall|wide|long|high|deep|thick|heavy|large|big|expensive)\b|\bin (?:{_length}|{_amount}|feet|dollars)\b"
    r"|\b(?:height|width|length|depth|thickness|diameter|circumference|radius|dimensions?|measurements?|weight|weigh"
    r"|capacity|volume|size|price|cost|msrp)\b"
    r"|\b(?:model|part|item|serial|product|article|catalog(?:ue)?|style) (?:number|no|code|id)\b|\b(?:sku|asin|upc|ean)\b"
    r"|\b(?:what|which)(?: is the| \w+){0,2} model\b(?! s\b)"
)
_counts_or_compares = re.compile(
    r"\bhow many\b|\bnumber of\b|\bcount of\b|\bthan\b|\bcompared\b|\bcomparison\b|\brelative\b|\bratio\b|\btimes\b|\btwice\b"
    r"|\bwhat time\b|\b(?:different|various|distinct) (?:sizes|heights|lengths|widths)\b"
)
# Words by which a question refers to text in the image.
_readable = re.compile(
    r"\b(?:printed|imprinted|written|writing|inscribed|inscription|engraved|stamped|embossed|etched|marked|markings?|marks?"
    r"|labell?ed|lettering|says?|reads?|reading|readout|displayed|displays|visible|seen|legible|text|words?|sticker"
    r"|(?:is|are|number|weight|size|time|value|price) shown|shows"
    r"|(?:shown|appears?|appearing|indicated|stated|listed|featured|depicted|noted) (?:on|in|at|inside|near|next)"
    r"|(?:on|in) (?:the|its|this|each) (?:\w+ ){0,2}(?:label|tag|sticker|box|package|packaging|packet|screen|display|dial"
    r"|gauge|scale|ruler|cover|badge|plate|receipt|face|sign|logo|cap|lid|front|back|side))\b"
    r"|\b(?:what|which) number\b|\bthe number (?:on|in|near|next|at|above|below)\b"
)
