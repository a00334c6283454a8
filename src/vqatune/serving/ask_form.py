"""`/ask`: a picture, questions and choices, as JSON or as a form, and their answers with probabilities."""

import math
from collections.abc import AsyncGenerator
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StrictInt, StrictStr, ValidationError
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from vqatune.errors import DataError
from vqatune.inference.answering.abstaining import Abstaining
from vqatune.inference.answering.answer import Answer, parse_choices
from vqatune.serving.asked import as_questions, decode_picture
from vqatune.serving.errors import RequestError
from vqatune.serving.jobs import Job, Reply
from vqatune.serving.limits import MOST_BEST, MOST_CHOICES, Limits

Model = TypeVar("Model", bound=BaseModel)


class AskRequest(BaseModel):
    """The JSON of a request."""

    model_config = ConfigDict(extra="forbid")

    picture: StrictStr
    """The bytes of an image file in base64, or a data: URL."""
    questions: StrictStr | list[StrictStr]
    choices: list[StrictStr] | None = None
    top_k: Annotated[StrictInt, Field(ge=1, le=MOST_BEST)] | None = None


def parse_json(body: bytes, limits: Limits) -> Job:
    """Return the job of a request in JSON; raises RequestError."""
    asked = validated(AskRequest, body)
    return _job(decode_picture(asked.picture, "picture"), asked.questions, asked.choices, asked.top_k, limits)


async def parse_form(headers: Headers, body: bytes, limits: Limits) -> Job:
    """Return the job of a request as a form (multipart/form-data); raises RequestError.

    Its fields are `picture`, a file; `questions`, as often as there are; `choices`, as often as there are, or once with
    commas or a JSON list; and `top_k`.
    """

    async def received() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(headers, received(), max_files=1, max_fields=1 + limits.questions + MOST_CHOICES)
    # In memory: it has been received already.
    parser.spool_max_size = len(body)
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise RequestError(400, f"the form cannot be read: {error.message}") from error
    unknown = set(form) - {"picture", "questions", "choices", "top_k"}
    if unknown:
        raise RequestError(400, f"unknown field {min(unknown)!r}: see docs/serving.md")
    picture = form.get("picture")
    if not isinstance(picture, UploadFile):
        raise RequestError(400, "the field picture is no file: send one", param="picture")
    image = await picture.read()
    questions, choices = _texts(form, "questions"), _texts(form, "choices") or None
    top_k = form.get("top_k")
    if choices is not None and len(choices) == 1:
        try:
            choices = parse_choices(choices[0])
        except DataError as error:
            raise RequestError(400, str(error), param="choices") from error
    count = None
    if top_k is not None:
        if (
            not isinstance(top_k, str)
            or not top_k.isdecimal()
            or len(top_k) > 3
            or not 1 <= int(top_k) <= MOST_BEST
        ):
            raise RequestError(400, f"top_k is a number from 1 to {MOST_BEST}", param="top_k")
        count = int(top_k)
    return _job(image, questions, choices, count, limits)


def render(job: Job, reply: Reply, version: str, abstaining: Abstaining | None = None) -> dict[str, Any]:
    """Return what a request gets: the answers with their probabilities, in the order of the questions.

    An answer that is not given is null; what `best` lists is all there.
    """
    answers = []
    for asked, found in zip(job.questions, reply.answers, strict=True):
        row: dict[str, Any] = {"question": asked.question, **_answer(found[0])}
        if abstaining is not None:
            row["abstained"] = abstaining.abstains(found[0])
            if row["abstained"]:
                row["answer"] = None
        if asked.choices is not None or asked.count > 1:
            row["best"] = [_answer(answer) for answer in found]
        if asked.question in reply.truncated:
            row["truncated"] = True
        answers.append(row)
    return {"model": version, "answers": answers}


def validated(model: type[Model], body: bytes) -> Model:
    """Return a request's JSON as a model; raises RequestError, which names the first field that is wrong."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"{place}: {first['msg']}" if place else first["msg"]
        raise RequestError(400, message, param=place or None) from error


def _texts(form: FormData, name: str) -> list[str]:
    return [str(one) for one in form.getlist(name)]


def _job(
    picture: bytes,
    questions: str | list[str],
    choices: list[str] | None,
    top_k: int | None,
    limits: Limits,
) -> Job:
    texts = [questions] if isinstance(questions, str) else questions
    return Job(picture, as_questions(texts, choices, top_k, limits))


def _answer(answer: Answer) -> dict[str, Any]:
    row: dict[str, Any] = {
        "answer": answer.answer,
        "probability": answer.probability,
        # JSON has no -inf.
        "log_probability": answer.log_probability if math.isfinite(answer.log_probability) else None,
    }
    if answer.share is not None:
        row["share"] = answer.share
    return row
