"""The template provider's questions: difficulty, question type and wordings per attribute.

`{thing}` is the product's noun; `{word}` is the value that a yes-or-no question asks about. No wording may contain one
of its own answers, and none may serve two attributes.
"""

WORDINGS: dict[str, tuple[int, str, tuple[str, ...]]] = {
    "object": (
        0,
        "object",
        ("What product is shown?", "What kind of object is this?", "Which item is pictured?"),
    ),
    "color": (
        0,
        "color",
        (
            "What color is the {thing}?",
            "What is the main color of the {thing}?",
            "Which color does the {thing} have?",
        ),
    ),
    "pattern": (
        1,
        "pattern",
        (
            "What pattern does the {thing} have?",
            "Which pattern covers the {thing}?",
            "How is the {thing} patterned?",
        ),
    ),
    "is color": (0, "color", ("Is the {thing} {word}?", "Is {word} the main color of the {thing}?")),
    "is pattern": (1, "pattern", ("Is the pattern of the {thing} {word}?", "Does the {thing} look {word}?")),
    "is finish": (
        2,
        "material",
        ("Is the surface of the {thing} {word}?", "Does the {thing} have a {word} surface?"),
    ),
    "is object": (0, "object", ("Is this {word}?", "Does the picture show {word}?")),
    "is motif": (
        1,
        "shape",
        ("Is a {word} printed on the {thing}?", "Does the print on the {thing} show a {word}?"),
    ),
    "is printed": (0, "pattern", ("Is anything printed on the {thing}?", "Does the {thing} carry a print?")),
    "style": (2, "style", ("What style is the {thing}?", "Which style does the design of the {thing} have?")),
    "finish": (
        2,
        "material",
        ("What finish does the {thing} have?", "How is the surface of the {thing} finished?"),
    ),
    "shape": (1, "shape", ("What is the overall shape of the {thing}?", "What shape does the {thing} have?")),
    "material": (
        2,
        "material",
        ("What is this product most likely made of?", "Which material is this product made from?"),
    ),
    "function": (3, "function", ("What is this product used for?", "What is the purpose of this product?")),
    "pocket": (
        3,
        "size",
        ("Would this product fit in a coat pocket?", "Is this product small enough to pocket?"),
    ),
    "too big": (
        3,
        "size",
        ("Is this product too big for a coat pocket?", "Is this product larger than a pocket?"),
    ),
    "motif": (1, "shape", ("Which shape is printed on the {thing}?", "What shape does the print show?")),
    "count": (
        1,
        "count",
        ("How many shapes are printed on the {thing}?", "How many printed shapes are there?"),
    ),
    "position": (
        2,
        "position",
        ("Where on the {thing} is the print?", "Which part of the {thing} is printed?"),
    ),
    "ink": (
        2,
        "color",
        ("What color is the print on the {thing}?", "Which color is printed on the {thing}?"),
    ),
    "more than": (
        3,
        "count",
        ("Are there more than {word} printed shapes?", "Does the print show more than {word}?"),
    ),
    "fewer than": (
        3,
        "count",
        ("Are there fewer than {word} printed shapes?", "Does the print show fewer than {word}?"),
    ),
    "half": (3, "position", ("Is the print nearer to the {word} than to the opposite side?",)),
    "compare light": (3, "color", ("Is the print {word} than the {thing} itself?",)),
    "one more": (5, "count", ("How many printed shapes would there be with an extra one?",)),
    "one less": (5, "count", ("How many printed shapes would stay if a single shape were removed?",)),
    "double": (5, "count", ("How many shapes would a pair of these products show together?",)),
    "corners": (5, "shape", ("How many corners does each printed shape have?",)),
    "both": (5, "pattern", ("Is the {thing} both {word}?",)),
}
