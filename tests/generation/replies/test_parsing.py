import json
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vqatune.generation.checks.question_types import QUESTION_TYPES
from vqatune.generation.replies.parsing import REPAIRS, parse_pairs

RED = {"question": "What color is the mug?", "answer": "Red", "difficulty": None, "question_type": None}
FOUR = {"question": "How many legs are there?", "answer": "4", "difficulty": None, "question_type": None}
RED_0 = RED | {"difficulty": 0, "question_type": "color"}
FOUR_2 = FOUR | {"difficulty": 2, "question_type": "count"}
BOTH, GRADED = [RED, FOUR], [RED_0, FOUR_2]
RED_JSON = '{"question": "What color is the mug?", "answer": "Red"}'
FOUR_JSON = '{"question": "How many legs are there?", "answer": "4"}'
ASKED_RED = f'{{"qa_pairs": [{RED_JSON}]}}'
ASKED = json.dumps({"qa_pairs": GRADED})

REPAIRED = {
    "a fence": (f"```json\n{ASKED}\n```", GRADED, ["fences"]),
    "a fence that is not closed": (f"```\n{ASKED}", GRADED, ["fences"]),
    "prose around": (f"Here are [15] pairs {{as asked}}:\n\n{ASKED}\n\nAnything else?", GRADED, ["fences"]),
    "thoughts before": (f'<think>Maybe {{"question": "Is it?", "answer": "no"}}</think>\n{ASKED}', GRADED, ["fences"]),
    "a list": (json.dumps(GRADED, indent=1), GRADED, ["bare_list"]),
    "another key": (json.dumps({"image": "a.jpg", "questions": GRADED}), GRADED, ["other_key"]),
    "two other keys": (json.dumps({"easy": [RED_0], "hard": [FOUR_2]}), GRADED, ["other_key"]),
    "an object in an object": (json.dumps({"result": {"qa_pairs": GRADED}}), GRADED, ["other_key"]),
    "a name for each pair": (json.dumps({"Question 1": RED, "Question 2": FOUR}), BOTH, ["other_key"]),
    "an object a line": (f"{RED_JSON}\n{FOUR_JSON}\n", BOTH, ["json_lines"]),
    "objects with commas between": (f"{RED_JSON},\n{FOUR_JSON}", BOTH, ["json_lines"]),
    "a list after a list": (f"[{RED_JSON}]\n[{FOUR_JSON}]", BOTH, ["json_lines"]),
    "the form twice": (f'{{"qa_pairs": [{RED_JSON}]}} {{"qa_pairs": [{FOUR_JSON}]}}', BOTH, ["json_lines"]),
    "one pair alone": (RED_JSON, [RED], ["json_lines"]),
    "cut in an answer": (f'{{"qa_pairs": [{RED_JSON}, {{"question": "What?", "answer": "Bro', [RED], ["cut_json"]),
    "cut after an answer": (f'{{"qa_pairs": [{RED_JSON}, {FOUR_JSON[:-1]}', [RED], ["cut_json"]),
    "cut before the brackets": (f'{{"qa_pairs": [{RED_JSON}, {FOUR_JSON}', BOTH, ["cut_json"]),
    "cut and fenced": (f'```json\n{{"qa_pairs": [{RED_JSON}, {{"question": "Wh\n```', [RED], ["cut_json", "fences"]),
    "a cut list": (f"[{RED_JSON}, {FOUR_JSON}, ", BOTH, ["bare_list", "cut_json"]),
    "a cut list under another key": (f'{{"pairs": [{RED_JSON}, {{', [RED], ["cut_json", "other_key"]),
    "trailing commas": (f'{{"qa_pairs": [{RED_JSON[:-1]},}}, {FOUR_JSON},],}}', BOTH, ["loose_json"]),
    "Python": (str({"qa_pairs": GRADED + [RED]}), GRADED + [RED], ["loose_json"]),
    "Python with an apostrophe": (
        str({"qa_pairs": [RED | {"question": 'Is "it" the dog\'s?'}]}),
        [RED | {"question": 'Is "it" the dog\'s?'}],
        ["loose_json"],
    ),
    "no comma between pairs": (f'{{"qa_pairs": [{RED_JSON}\n{FOUR_JSON}]}}', BOTH, ["loose_json"]),
    "comments": (
        f'{{"qa_pairs": [ // easy\n{RED_JSON}, # hard\n{FOUR_JSON[:-1]} /* }} */}}]}}',
        BOTH,
        ["loose_json"],
    ),
    "names without quotes": ("[" + RED_JSON.replace('"question"', "question") + "]", [RED], ["bare_list", "loose_json"]),
    "a line break in an answer": (RED_JSON.replace("Red", "R\ned"), [RED | {"answer": "R\ned"}], ["json_lines", "loose_json"]),
    "an escape that is none": (
        ASKED_RED.replace("the", r"mum\'s"),
        [RED | {"question": "What color is mum's mug?"}],
        ["loose_json"],
    ),
    "a list that is not closed": (f'{{"qa_pairs": [{RED_JSON}, {FOUR_JSON}}}', BOTH, ["loose_json"]),
    "a bracket too many": (f'{{"qa_pairs": [{RED_JSON}]}}}}', [RED], ["loose_json"]),
    "other names": (
        ('{"qa_pairs": [{"Q": "What color is the mug?", "ANSWER": "Red", "level": 0, "Type": "color"},'
        ' {"Question": "How many legs are there?", "a": "4", "Difficulty": 2, "questionType": "count"}]}'),
        GRADED,
        ["other_names"],
    ),
    "CSV": ('"What color is the mug?",Red,0,color\nHow many legs are there?,4,2,count\n', GRADED, ["csv"]),
    "CSV with a header": ("question,answer\nWhat color is the mug?,Red\nHow many legs are there?,4", BOTH, ["csv"]),
    "CSV with its own order": (
        'id,difficulty,type,answer,question\n1,0,color,Red,What color is the mug?\n2,2,count,4,"How many legs are there?"',
        GRADED,
        ["csv"],
    ),
    "CSV in a fence": ("Sure:\n```csv\nquestion, answer\nWhat color is the mug?, Red\n```", [RED], ["csv", "fences"]),
    "CSV without question marks": (
        '"Looking at the sole, how is it","flat"\n"What is the ""tongue"" made of","suede"',
        [
            RED | {"question": "Looking at the sole, how is it", "answer": "flat"},
            RED | {"question": 'What is the "tongue" made of', "answer": "suede"},
        ],
        ["csv"],
    ),
    "lines with #": ("What color is the mug? # Red\nHow many legs are there? # 4\n", BOTH, ["separators"]),
    "numbered lines with #": (
        "1. What color is the mug? # Red # 0 # color\n2. How many legs are there? # 4 # 2 # count",
        GRADED,
        ["separators"],
    ),
    "bullets": ("- What color is the mug? | Red\n- How many legs are there? | 4", BOTH, ["separators"]),
    "tabs": ("What color is the mug?\tRed\nHow many legs are there?\t4", BOTH, ["separators"]),
    "lines with %": ("What color is the mug? % Red\nHow many legs are there?%4", BOTH, ["separators"]),
    "lines without question marks": (
        "Here they are:\nWhat color is the mug # Red\nHow many legs are there # 4",
        [RED | {"question": "What color is the mug"}, FOUR | {"question": "How many legs are there"}],
        ["fences", "separators"],
    ),
    "a table": (
        ("| # | Question | Answer | Difficulty | Type |\n|---|:---|---|---|---|\n"
        "| 1 | What color is the mug? | Red | 0 | color |\n| 2 | How many legs are there? | 4 | 2 | count |"),
        GRADED,
        ["separators"],
    ),
    "a stream with two signs": ("What color is the mug? # Red % How many legs are there? # 4", BOTH, ["separators"]),
    "a stream with two other signs": ("What color is the mug?%Red|How many legs are there?%4|", BOTH, ["separators"]),
    "a stream with one sign": ("What color is the mug?#Red#How many legs are there?#4", BOTH, ["separators"]),
    "a stream with difficulties": (
        "What color is the mug?#Red#0#color#How many legs are there?#4#2#count",
        GRADED,
        ["separators"],
    ),
    "a percentage": (
        "What % of it is wool? | 50%",
        [RED | {"question": "What % of it is wool?", "answer": "50%"}],
        ["separators"],
    ),
    "labels": ("Q: What color is the mug?\nA: Red\nQ: How many legs are there?\nA: 4", BOTH, ["labels"]),
    "bold and numbered labels": (
        ("Here they are!\n\n**Question 1:** What color is the mug?\n**Answer:** Red\n**Difficulty:** 0\n**Type:** color\n\n"
        "**Question 2:** How many legs are there?\n**Answer:** 4\n**Difficulty:** 2\n**Type:** count\n\nI hope this helps."),
        GRADED,
        ["fences", "labels"],
    ),
    "labels in a line": ("1. Q: What color is the mug? / A: Red\n2. Q: How many legs are there? A: 4", BOTH, ["labels"]),
    "a label on its own line": ("Question:\nWhat color is the mug?\nAnswer:\nRed\n", [RED], ["labels"]),
    "a damaged pair among others": (
        f'{{"qa_pairs": [{RED_JSON}, {{"question": "Does it say "Hope"?", "answer": "yes"}}, {FOUR_JSON}]}}',
        BOTH,
        ["left_out"],
    ),
    "two pairs in one object": (
        f'{{"qa_pairs": [{RED_JSON}, {{"question": "A?", "answer": "a", "question": "B?", "answer": "b"}}]}}',
        [RED],
        ["left_out"],
    ),
    "two answers": (
        f'[{RED_JSON}, {{"question": "A?", "answer": "a", "ANSWER": "b"}}]',
        [RED],
        ["bare_list", "left_out"],
    ),
    "an unquoted comma among CSV": (
        "What color is the mug?,Red\nLooking at it, how is it?,round\nHow many legs are there?,4",
        BOTH,
        ["csv", "left_out"],
    ),
    "a decimal comma among CSV": (
        "What color is the mug?,Red\nHow long is it?,1,5\nHow many legs are there?,4",
        BOTH,
        ["csv", "left_out"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("text, pairs, repairs", REPAIRED.values(), ids=REPAIRED)
def test_a_reply_in_another_form_is_read_and_its_repairs_are_named(text, pairs, repairs):
    read = parse_pairs(text)
    assert (read.pairs, list(read.repairs)) == (pairs, repairs)


def test_every_repair_but_that_of_cut_lines_has_an_example():
    shown = {name for _, _, repairs in REPAIRED.values() for name in repairs}
    assert shown == REPAIRS.keys() - {"cut_lines"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeff \n",
        "I cannot see the image.",
        "Is the image there? I am sorry, it is not.",
        "What color is it? | Red # 2",
        "What? # Red | Which? # Blue | # %",
        "Is the label 100% cotton | yes",
        "Rating: 100% sure\nOffer: 20% off",
        "Looking at the sole, what shape is it?,round",
        "Looking at the sole, flat\nLooking at the heel, high",
        "Is it red?, or is it blue?,red",
        "What color is it?,Red,green",
        "question,answer\nLooking at it, how is it?,round",
        "question,answer,difficulty,type\nLooking at it,how is it?,round,2",
        "What color is it? # Which? # Red",
        "What color is it?#Red#How many?#4#2",
        "Q: What color?\nQ: How many?\nA: Red\nA: 4",
        "Q1: What color?\nA2: Red",
        "Q: What color?\nA: light\nblue",
        "Q: What color?",
        '{"qa_pairs": [{"question": "What # color?", "answer": "Red"',
        '{"qa_pairs": [{"question": "What color?", "answer": "Red}]}',
        "{'question': 'Is it the dogs' bed?', 'answer': 'yes'}",
        '{"question": "Does it say "Hope"?", "answer": "yes"}',
        '{"question": "A?", "answer": "a", "answer": "b"}',
        '{"q": "What color?"}',
        '{"qa_pairs": [{"question": "What color?", "answer": Red}]}',
        '<think>{"question": "What color?", "answer": "Red"}',
        '["What color? # Red", "How many? # 4"]',
        "# Questions\n## Colors\nNone",
        "null",
        "3",
    ],
)
def test_a_text_that_is_unreadable_or_ambiguous_gives_nothing(text):
    assert parse_pairs(text).pairs == []
    assert parse_pairs(text).repairs == ()


@pytest.mark.parametrize(
    "values, expected",
    [
        ({"difficulty": "3"}, {"difficulty": 3}),
        ({"difficulty": 3.0}, {"difficulty": 3}),
        ({"difficulty": " 3.0 "}, {"difficulty": 3}),
        ({"difficulty": 4}, {"difficulty": -1}),
        ({"difficulty": True}, {"difficulty": -1}),
        ({"difficulty": "hard"}, {"difficulty": -1}),
        ({"difficulty": [3]}, {"difficulty": -1}),
        ({"difficulty": float("nan")}, {"difficulty": -1}),
        ({"difficulty": None}, {"difficulty": None}),
        ({"difficulty": ""}, {"difficulty": None}),
        ({"question_type": " Color "}, {"question_type": "color"}),
        ({"question_type": "Vibe"}, {"question_type": "vibe"}),
        ({"question_type": None}, {"question_type": None}),
        ({"answer": 4}, {"answer": "4"}),
        ({"answer": 0.5}, {"answer": "0.5"}),
        ({"answer": True}, {"answer": "true"}),
        ({"answer": None}, {"answer": ""}),
        ({"answer": ["red", "é"]}, {"answer": '["red", "é"]'}),
        ({"question": 7}, {"question": "7"}),
        ({"question": "half \ud83d", "answer": "\ude00"}, {"question": "half ?", "answer": "?"}),
        ({"question": "nul \0", "answer": "\U0001f600"}, {"question": "nul \0", "answer": "\U0001f600"}),
        ({"explanation": {"a": "b"}}, {}),
    ],
)
def test_the_values_of_a_pair_are_brought_into_one_form(values, expected):
    read = parse_pairs(json.dumps({"qa_pairs": [RED | values]}))
    assert (read.pairs, read.repairs) == ([RED | expected], ())


def test_a_pair_without_an_answer_stays_for_the_checks_to_drop():
    assert parse_pairs('{"qa_pairs": [{"question": "What color?"}]}').pairs == [
        {"question": "What color?", "answer": "", "difficulty": None, "question_type": None}
    ]


def test_numbers_too_large_for_python_are_text():
    digits = "9" * 5000
    read = parse_pairs(
        f'{{"qa_pairs": [{{"question": "How many?", "answer": {digits}, "difficulty": {digits}}}]}}'
    )
    assert read.pairs == [
        {"question": "How many?", "answer": digits, "difficulty": -1, "question_type": None}
    ]


def test_of_plain_text_that_was_cut_off_the_last_pair_is_dropped():
    read = parse_pairs("What color is the mug? # Red\nHow many legs are there? # 1", cut=True)
    assert (read.pairs, read.repairs) == ([RED], ("cut_lines", "separators"))
    assert parse_pairs(ASKED[:-2], cut=True).pairs == GRADED


texts = st.text(max_size=30)
telling_texts = texts | st.text("{}[]\"\\',:#%|?/ \n`aQA0é\ud800", max_size=30)
pair_values = st.fixed_dictionaries(
    {
        "question": telling_texts.map(lambda text: text.encode("utf-8", "replace").decode()),
        "answer": telling_texts.map(lambda text: text.encode("utf-8", "replace").decode()),
        "difficulty": st.sampled_from([0, 1, 2, 3, 5, None]),
        "question_type": st.sampled_from([*QUESTION_TYPES, None]),
    }
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | telling_texts,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["qa_pairs", "question", "answer", "Q", "a", "difficulty", "x"]) | texts, inner
        )
    ),
    max_leaves=12,
)


@given(st.lists(pair_values, max_size=5), st.booleans(), st.sampled_from([None, 2]))
def test_pairs_as_asked_read_back_exactly_and_need_no_repair(pairs, ascii_only, indent):
    text = json.dumps({"qa_pairs": pairs}, ensure_ascii=ascii_only, indent=indent)
    assert parse_pairs(text).pairs == pairs
    assert parse_pairs(text).repairs == ()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(pair_values, min_size=1, max_size=3),
    st.sampled_from([None, 1]),
    st.sampled_from(["", "```json\n"]),
)
@example([RED | {"question": RED_JSON, "answer": f"# {ASKED}"}, FOUR], None, "")
def test_a_reply_that_is_cut_anywhere_gives_its_complete_pairs(pairs, indent, before):
    text = before + json.dumps({"qa_pairs": pairs}, ensure_ascii=False, indent=indent)
    ends = []
    for pair in pairs:
        # An object is complete with its closing brace, wherever else braces stand in it.
        within = json.dumps(pair, ensure_ascii=False, indent=indent)
        within = within.replace("\n", "\n  ") if indent else within
        ends.append(text.index(within, ends[-1] if ends else 0) + len(within))
    for cut in range(len(text) + 1):
        read = parse_pairs(text[:cut])
        assert read.pairs == pairs[: sum(end <= cut for end in ends)]
        if read.pairs and cut < len(text):
            assert "cut_json" in read.repairs


@given(st.lists(pair_values, min_size=1, max_size=4))
def test_fences_do_not_change_the_pairs(pairs):
    read = parse_pairs(f"Here you go:\n\n```json\n{json.dumps({'qa_pairs': pairs}, indent=1)}\n```\n")
    assert (read.pairs, read.repairs) == (pairs, ("fences",))


@given(st.lists(pair_values, min_size=1, max_size=4))
def test_python_literals_give_the_same_pairs(pairs):
    assert parse_pairs(str({"qa_pairs": pairs})).pairs == pairs


def check_form(read):
    assert read.repairs == tuple(sorted(set(read.repairs)))
    assert set(read.repairs) <= REPAIRS.keys()
    for pair in read.pairs:
        assert list(pair) == ["question", "answer", "difficulty", "question_type"]
        assert isinstance(pair["question"], str) and isinstance(pair["answer"], str)
        assert pair["difficulty"] in (None, -1, 0, 1, 2, 3, 5) and not isinstance(pair["difficulty"], bool)
        assert pair["question_type"] is None or pair["question_type"] == pair["question_type"].strip().lower()
        json.dumps(pair, ensure_ascii=False).encode("utf-8")


@settings(max_examples=300)
@given(
    telling_texts
    | st.lists(st.sampled_from([RED_JSON, "Q: a?", "A: b", "a? # b", "\n", "[", "{", "]", "}", "'", '"', ",", "```", ":"])).map("".join)
)  # fmt: skip
def test_no_text_raises_an_error(text):
    check_form(parse_pairs(text))


@settings(max_examples=200)
@given(json_values)
def test_no_json_raises_an_error(value):
    check_form(parse_pairs(json.dumps(value)))
    check_form(parse_pairs(str(value)))


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 20_000,
        '[{"question":' * 8_000,
        '{"question": {"answer": ' * 400 + "1" + "}}" * 400,
        f'{{"qa_pairs": [{{"question": "a?", "answer": {"[" * 900}{"]" * 900}}}]}}',
        '{"question": "x" ' * 6_000,
        "{'question': 'x" * 6_000,
        "a? # b " * 15_000,
        "a?#b%" * 20_000,
        "Q: a? " * 20_000,
        "Q: a? A: b " * 10_000,
        " " * 100_000 + "{",
        "\t" * 100_000,
        '"' * 100_000,
        "/*" * 50_000 + "{",
        "{//" * 30_000,
        "```\n" * 25_000,
        "?," * 50_000,
    ],
)
def test_absurd_texts_are_read_in_a_moment(text):
    start = time.perf_counter()
    check_form(parse_pairs(text))
    assert time.perf_counter() - start < 30


words = st.text("abcdefghijk éüß", min_size=1, max_size=12).map(str.strip).filter(bool)


@given(
    st.lists(st.tuples(words, words, st.sampled_from(["", "0", "5"])), min_size=1, max_size=5),
    st.sampled_from("#%|\t,"),
    st.sampled_from(["", " "]),
)
def test_lines_with_separators_read_back_exactly(rows, sign, blank):
    lines = [f"{question}?{blank}{sign}{blank}{answer}" for question, answer, _ in rows]
    read = parse_pairs("\n".join(lines))
    assert [(pair["question"], pair["answer"]) for pair in read.pairs] == [(q + "?", a) for q, a, _ in rows]
    graded = [
        f"{line}{blank}{sign}{blank}{level}" for line, (_, _, level) in zip(lines, rows, strict=True) if level
    ]
    levels = [pair["difficulty"] for pair in parse_pairs("\n".join(graded)).pairs]
    assert levels == [int(level) for _, _, level in rows if level]


@given(st.lists(st.tuples(words, words), min_size=2, max_size=5), st.permutations("#%|\t"))
def test_a_stream_of_pairs_reads_back_exactly(rows, signs):
    inner, outer = signs[:2]
    expected = [(question + "?", answer) for question, answer in rows]
    for text in (
        f" {outer} ".join(f"{question}? {inner} {answer}" for question, answer in rows),
        f" {inner} ".join(f"{question}? {inner} {answer}" for question, answer in rows),
    ):
        assert [(pair["question"], pair["answer"]) for pair in parse_pairs(text).pairs] == expected
