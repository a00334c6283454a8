"""The texts of the golden files that a library makes, chosen so that each metric has something to trip over."""

PAIRS = [
    ("red", ["red"]),
    ("Red ", ["  red"]),
    ("red", ["blue"]),
    ("None", ["none"]),
    ("NA", ["na"]),
    ("None", ["NA"]),
    ("chairs", ["chair"]),
    ("wood", ["wooden"]),
    ("dark wooden chair", ["wooden chair"]),
    ("wooden chair", ["dark wooden chair"]),
    ("chair wooden dark", ["dark wooden chair"]),
    ("a very big red leather sofa", ["a big red leather sofa"]),
    ("red red red sofa", ["red sofa sofa"]),
    ("the sofa stands on the floor", ["the sofa stands on the floor"]),
    ("off-white", ["off white"]),
    ("stainless steel", ["stainless-steel"]),
    ("10,000", ["10000"]),
    ("2.5 cm", ["2.5"]),
    ("crème brûlée", ["creme brulee"]),
    ("ΣΟΦΑΣ", ["σοφας"]),
    ("red , blue", ["red blue"]),
    ("running shoe", ["run shoes"]),
    ("a\tb\nc", ["a b c"]),
    ("red", ["blue", "red"]),
    ("red sofa", ["red", "sofa", "a red sofa"]),
    ("leather sofa", ["dark leather", "leather couch sofa", "sofa"]),
    ("one two three four five", ["one two three", "two three four five six"]),
    ("blue and white stripes", ["white and blue stripes", "blue stripes", "blue and white"]),
]

# The examples in the documentation of nltk.translate.meteor_score.
_GUIDE = "It is a guide to action which ensures that the military always obeys the commands of the party"
_INSURE = "It is to insure the troops forever hearing the activity guidebook that party direct"
_GUIDES = [
    "It is a guide to action that ensures that the military will forever heed Party commands",
    "It is the guiding principle which guarantees the military forces always being under the command of the Party",
    "It is the practical guide for the army always to heed the directions of the party",
]
METEOR_PAIRS = [
    (_GUIDE, _GUIDES[:1]),
    ("non matching hypothesis", ["this is a cat"]),
    (_GUIDE, _GUIDES),
    (_INSURE, _GUIDES),
    ("couch", ["sofa"]),
    ("sofa couch lounge", ["couch sofa"]),
    ("colors", ["coloring"]),
    # WordNet is asked for stems, and automobil is no word.
    ("automobile", ["car"]),
    ("children bicycle", ["kid bike"]),
]
WUPS_PAIRS = [
    ("sofa", ["couch"]),
    ("dog", ["cat"]),
    ("cats", ["cat"]),
    ("red", ["quickly"]),
    ("wooden", ["wood"]),
    ("dining table", ["coffee table"]),
    ("light", ["black"]),
    # NLTK's similarity depends on which of two synsets is asked.
    ("woman", ["cat"]),
    ("cat", ["woman"]),
    ("doctor", ["student"]),
    # The shortest way up to the ancestor that the two have in common leads past it.
    ("writer", ["object"]),
    ("shoring", ["whole"]),
    # At the threshold, not below it.
    ("chair", ["sofa"]),
    ("red, blue", ["blue, red"]),
    ("red,, red ,", ["red"]),
    ("red, blue", ["red"]),
    ("red", ["red, blue"]),
    ("sofa, dog", ["couch, cat"]),
    ("sofa, quickly", ["sofa"]),
    (" , ", [","]),
    (",", ["red"]),
    ("red", [",,"]),
    ("chair", ["table", "stool", "dog, cat"]),
]

MODEL_PAIRS = [
    ("a sofa in dark red leather with two cushions", ["a dark red couch of leather"]),
    ("[SEP] red", ["red [PAD]"]),
    ("كرسي أحمر", ["red chair"]),
    ("木製の椅子", ["a wooden chair", "木製"]),
    ("🪑 🛋️", ["chair and sofa"]),
    # The sofa is more than the model of sentences reads.
    ("red " * 260, ["red " * 255 + "sofa"]),
]
"""For the metrics of models, which read signs and words that the others do not tell apart."""

TOKENS = """
    red wooden chair sofa two five plastic cotton running run yes no none leather white dark square off-white of
    quickly chairs was can better tallest
"""
TAGS = {
    "CD": "number",
    "JJ": "adjective",
    "JJR": "adjective",
    "JJS": "adjective",
    "NN": "noun",
    "NNS": "noun",
    "MD": "verb",
    "VB": "verb",
    "VBD": "verb",
    "VBG": "verb",
    "VBN": "verb",
}
