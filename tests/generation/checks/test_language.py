import pytest

from vqatune.generation.checks.cleaning import fold
from vqatune.generation.checks.language import guess_language, in_another_language, is_question

QUESTIONS = {
    "en_US": [
        "What color is the lamp?",
        "Considering the edge, what is its shape",
        "Does it have a die cut?",
    ],
    "de_DE": [
        "Welche Farbe hat die Lampe?",
        "Wie viele Schubladen hat die Kommode?",
        "Ist der Stuhl aus Holz?",
    ],
    "fr_FR": [
        "De quelle couleur est la lampe ?",
        "Combien de tiroirs y a-t-il ?",
        "Est-ce que la chaise est rouge ?",
    ],
    "es_ES": ["¿De qué color es la lámpara?", "¿Cuántos cajones tiene la cómoda?", "¿La silla es de madera?"],
    "it_IT": ["Di che colore è la lampada?", "Quanti cassetti ha il mobile?", "La sedia è di legno?"],
    "pt_BR": ["Qual é a cor da lâmpada?", "Quantas gavetas há na cômoda?", "A cadeira é de madeira?"],
    "nl_NL": ["Welke kleur heeft de lamp?", "Hoeveel lades heeft de kast?", "Is de stoel van hout?"],
    "sv_SE": ["Vilken färg har lampan?", "Hur många lådor har byrån?", "Är stolen av trä?"],
    "pl_PL": ["Jaki kolor ma lampa?", "Ile szuflad jest w tej komodzie?", "Czy krzesło jest z drewna?"],
    "tr_TR": ["Lambanın rengi nedir?", "Bu dolapta kaç çekmece var?", "Bu sandalye ahşap mı?"],
    "ja_JP": [
        "ランプの色は何ですか？",
        "このAmazonBasics USB-Cケーブルの色は？",
        "引き出しはいくつありますか",
    ],
    "zh_CN": ["灯是什么颜色的？", "有几个抽屉", "椅子是木头做的吗"],
    "ko_KR": ["램프의 색상은 무엇입니까?", "서랍이 몇 개 있나요"],
    "hi_IN": ["लैंप का रंग क्या है?", "इसमें कितने दराज हैं", "यह LED lamp किस रंग का है?"],
    "ar_AE": ["ما لون المصباح؟", "كم عدد الأدراج", "هل الكرسي من الخشب؟"],
    "he_IL": ["מה צבע המנורה?", "כמה מגירות יש בארון"],
    "ru_RU": ["Какого цвета лампа?", "Сколько ящиков в комоде"],
    "cs_CZ": ["Jakou barvu má lampa?"],
}
FAR = {"en_US": "latin", "ja_JP": "kana", "hi_IN": "devanagari", "ar_AE": "arabic", "ru_RU": "cyrillic"}


@pytest.mark.parametrize("tag", QUESTIONS)
def test_a_question_in_its_own_language_passes(tag):
    for question in QUESTIONS[tag]:
        assert not in_another_language(fold(question), tag), question
        assert not in_another_language(fold(question), tag.split("_")[0]), question
        assert is_question(question, fold(question), tag), question
        assert is_question(question, fold(question), None), question


@pytest.mark.parametrize("tag", FAR)
def test_another_script_is_another_language(tag):
    for other in FAR:
        for question in QUESTIONS[other][:1]:
            assert in_another_language(fold(question), tag) == (other != tag), (question, tag)


LATIN = ("en_US", "de_DE", "fr_FR", "es_ES", "it_IT", "pt_BR", "nl_NL", "sv_SE", "pl_PL", "tr_TR")


@pytest.mark.parametrize("tag", LATIN)
def test_two_small_words_tell_another_language_of_the_same_script(tag):
    told = [
        in_another_language(fold(question), tag)
        for other in LATIN
        if other != tag
        for question in QUESTIONS[other][:2]
    ]
    assert sum(told) >= 0.6 * len(told)


@pytest.mark.parametrize(
    ("question", "tag"),
    [
        ("Leather?", "en_US"),
        ("Is 'Crème de la Mer' on the label?", "en_US"),
        ("What does 'La Vie est Belle' say?", "en_GB"),
        ("What does 日本語 stand for?", "en_US"),
        ("Welche Farbe?", "en_US"),
        ("Welche Farbe hat die Lampe?", "xx_XX"),
        ("Welche Farbe hat die Lampe?", "cs_CZ"),
        ("Welche Farbe hat die Lampe?", None),
        ("12?", "ja_JP"),
    ],
)
def test_what_is_not_clear_is_not_called_foreign(question, tag):
    assert not in_another_language(fold(question), tag)


@pytest.mark.parametrize(
    "question",
    [
        "Color?",
        "Color？",
        'Does it say "new?"',
        "Name the color",
        "In one word, describe the shape",
        "Observe the edge; is it round",
        "From what is it made",
        "12?",
    ],
)
def test_questions_and_requests_are_questions(question):
    assert is_question(question, fold(question), "en_US")


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("The lamp is red.", "en_US"),
        ("A red lamp on a table", "en_US"),
        ("Die Lampe ist rot.", "de_DE"),
        ("La lampe a un pied rouge.", "fr_FR"),
        ("ランプは赤いです。", "ja_JP"),
        ("灯是红色的。", "zh_CN"),
        ("लैंप लाल है।", "hi_IN"),
        ("The lamp is red.", None),
    ],
)
def test_statements_are_no_questions(text, tag):
    assert not is_question(text, fold(text), tag)


def test_a_text_without_a_mark_may_be_a_question_where_its_language_has_no_words_here():
    for text, tag in [("Barva lampy", "cs_CZ"), ("Colore della lampada", "xx"), ("விளக்கு சிவப்பு", None)]:
        assert is_question(text, fold(text), tag)


@pytest.mark.parametrize(
    ("texts", "tag"),
    [
        (["What color is the mug?", "Is it round?"], "en"),
        (["Welche Farbe hat der Becher?", "Ist das ein Hut?"], "de"),
        (["Quelle est la couleur de la tasse ?", "Est-ce que le sac est rond ?"], "fr"),
        (["このマグカップは何色ですか", "赤いコップ"], "ja"),
        (["Ποιο χρώμα έχει;", "κόκκινη κούπα"], "el"),
        (["Black glossy hat", "Red mug"], None),
        (["What is it?", "Was ist das?"], None),
        (["12", ""], None),
        ([], None),
    ],
)
def test_the_language_of_texts_is_guessed_where_it_is_plain(texts, tag):
    assert guess_language(texts) == tag
