"""/ask, over real sockets."""

import json
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vqatune.serving.ask_form import parse_json
from vqatune.serving.errors import RequestError
from vqatune.serving.limits import Limits

QUESTIONS = ["what color is it?", "how many stars are there?", "is it striped?"]


def _ask(server, **body) -> requests.Response:
    return requests.post(f"{server.address}/ask", json=body, timeout=60)


def _error(response: requests.Response, status: int) -> str:
    assert response.status_code == status, response.text
    return response.json()["error"]["message"]


def test_answers_are_those_of_the_version(server, answerer, pictures, base64s):
    found = _ask(server, picture=base64s[0], questions=QUESTIONS).json()
    assert found["model"] == "v1"
    for row, expected in zip(found["answers"], answerer.ask(pictures[0], QUESTIONS), strict=True):
        assert (row["question"], row["answer"]) == (expected.question, expected.answer)
        assert row["probability"] == pytest.approx(expected.probability, rel=1e-4)
        assert "best" not in row


def test_choices_are_ranked_with_their_shares(server, answerer, pictures, base64s):
    choices = ["red", "3", "yes"]
    [row] = _ask(server, picture=base64s[1], questions=QUESTIONS[0], choices=choices).json()["answers"]
    expected = answerer.rank(pictures[1], QUESTIONS[0], choices)
    assert [best["answer"] for best in row["best"]] == [answer.answer for answer in expected]
    assert [best["share"] for best in row["best"]] == pytest.approx(
        [answer.share for answer in expected], rel=1e-4
    )
    assert row["answer"] == expected[0].answer
    [short] = _ask(server, picture=base64s[1], questions=QUESTIONS[0], choices=choices, top_k=2).json()[
        "answers"
    ]
    assert short["best"] == row["best"][:2]


def test_top_k_gives_the_most_probable_answers(server, base64s):
    rows = _ask(server, picture=base64s[2], questions=QUESTIONS[:2], top_k=4).json()["answers"]
    for row in rows:
        assert len({best["answer"] for best in row["best"]}) == 4
        probabilities = [best["probability"] for best in row["best"]]
        assert probabilities == sorted(probabilities, reverse=True)
        assert row["probability"] == probabilities[0]


def test_a_form_is_asked_as_json_is(server, pictures, base64s):
    for fields, body in (
        ({"questions": QUESTIONS[:2]}, {"questions": QUESTIONS[:2]}),
        (
            {"questions": "a?", "choices": "red, 3", "top_k": "1"},
            {"questions": "a?", "choices": ["red", "3"], "top_k": 1},
        ),
        ({"questions": "a?", "choices": ["red", "3"]}, {"questions": "a?", "choices": ["red", "3"]}),
    ):
        form = requests.post(
            f"{server.address}/ask", data=fields, files={"picture": ("a.jpg", pictures[0])}, timeout=60
        )
        assert form.json() == _ask(server, picture=base64s[0], **body).json()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"picture": "left out"}, "picture"),
        ({"picture": "x!"}, "base64"),
        ({"picture": ""}, "empty"),
        ({"picture": "http://shop.example/a.jpg"}, "not fetched"),
        ({"picture": "aGVsbG8="}, "no JPEG, PNG"),
        ({"questions": []}, "no question"),
        ({"questions": ["a?"] * 65}, "more than 64"),
        ({"questions": " "}, "empty"),
        ({"questions": "a" * 5000}, "characters"),
        ({"choices": ["red"]}, "two answers or more"),
        ({"choices": ["red", " red "]}, "the same to the model"),
        ({"top_k": 21}, "top_k"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_cannot_be_answered_is_said(server, base64s, body, said):
    whole = {"picture": base64s[0], "questions": "a?"} | body
    assert said in _error(
        _ask(server, **{name: value for name, value in whole.items() if value != "left out"}), 400
    )


def test_a_form_that_is_none_is_said(server, pictures):
    address = f"{server.address}/ask"
    assert "no file" in _error(requests.post(address, files={"questions": (None, "a?")}, timeout=60), 400)
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x"):
        headers = {"Content-Type": kind}
        assert "cannot be read" in _error(
            requests.post(address, data=b"abc", headers=headers, timeout=60), 400
        )
    assert "send JSON" in _error(requests.post(address, data=b"abc", timeout=60), 415)
    assert "JSON" in _error(
        requests.post(address, data=b"{", headers={"Content-Type": "application/json"}, timeout=60), 400
    )


def test_a_picture_that_would_fill_the_memory_is_refused(server):
    file = BytesIO()
    Image.new("1", (10_000, 10_000)).save(file, "PNG")
    assert len(file.getvalue()) < 100_000
    message = _error(_ask(server, picture=b64encode(file.getvalue()).decode(), questions="a?"), 400)
    assert "megapixels" in message


def test_a_bad_picture_fails_its_own_request_alone(serving, base64s):
    bad = b64encode(b"no picture").decode()
    with serving(held=True) as server, ThreadPoolExecutor(9) as clients:
        asked = [base64s[0], bad, base64s[1], base64s[2], bad, base64s[3]]
        responses = [
            clients.submit(_ask, server, picture=picture, questions=QUESTIONS[0]) for picture in asked
        ]
        server.open.set()
        statuses = [response.result().status_code for response in responses]
    assert statuses == [200, 400, 200, 200, 400, 200]


def test_a_question_that_is_cut_is_marked(server, base64s):
    rows = _ask(server, picture=base64s[0], questions=["a " * 500, "a?"]).json()["answers"]
    assert [row.get("truncated", False) for row in rows] == [True, False]


@given(
    st.binary(max_size=60)
    | st.dictionaries(
        st.sampled_from(["picture", "questions", "choices", "top_k", "x"]),
        st.none() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3), max_size=3),
    ).map(lambda body: json.dumps(body).encode())
)
def test_whatever_is_sent_gives_a_job_or_an_error_of_the_request(body):
    try:
        job = parse_json(body, Limits())
    except RequestError as error:
        assert 400 <= error.status < 500 and error.message
    else:
        assert job.picture and job.questions
