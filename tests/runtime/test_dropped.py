from vqatune.runtime.dropped import dropped_line


def test_a_stage_says_how_much_it_drops_for_which_reasons_and_what_decides():
    reasons = {"too_many_words": 1200, "language": 40, "none_like": 7, "difficulty": 2, "not_visible": 1}
    line = dropped_line("pairs", 1500, reasons, {"too_many_words": "generate.answer_words"}, "; look there")
    assert line == (
        "1,250 of 1,500 pairs are dropped (83%): too many words 1,200 (generate.answer_words), language 40, none like 7, "
        "others 3; look there"
    )


def test_it_says_nothing_of_a_tenth_or_less():
    assert dropped_line("pairs", 100, {"language": 10}, {}) is None
    assert dropped_line("pairs", 0, {}, {}) is None
    assert (
        dropped_line("pairs", 100, {"language": 11, "none_like": 0}, {})
        == "11 of 100 pairs are dropped (11%): language 11"
    )
