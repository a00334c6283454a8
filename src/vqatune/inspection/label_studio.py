"""Reviews in Label Studio: its tasks, its labelling interface, and the annotations that it exports as JSON."""

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from vqatune.errors import DataError
from vqatune.generation.checks.reviews import COLUMNS, VERDICTS
from vqatune.tables import replacing, write_json

INTERFACE = """\
<View>
  <Image name="image" value="$image"/>
  <Header value="$question"/>
  <Text name="answer" value="$answer"/>
  <Choices name="verdict" toName="image" choice="single" required="true" showInline="true">
    <Choice value="right" hotkey="r"/>
    <Choice value="wrong" hotkey="w"/>
    <Choice value="unclear" hotkey="u"/>
    <Choice value="mend" hotkey="m"/>
  </Choices>
  <TextArea name="new_question" toName="image" placeholder="The question, mended" maxSubmissions="1"/>
  <TextArea name="new_answer" toName="image" placeholder="The answer, mended" maxSubmissions="1"/>
</View>
"""
"""What is pasted into the settings of a project, under Labeling Interface, Code."""
_OF_PAIR = tuple(
    name for name in COLUMNS if name not in ("reviewer", "verdict", "new_question", "new_answer")
)


def export_tasks(pairs: pd.DataFrame, picture: Callable[[dict[str, Any]], bytes], path: Path) -> Path:
    """Write a task a pair for Label Studio, with its picture in it, and the interface beside it; return its path.

    pairs: the columns of tables.CHECKED, and what `picture` needs to return a JPEG of a pair's image. Raises DataError where
    the file exists or is not .json, or a picture does not open.
    """
    if path.suffix.lower() != ".json":
        raise DataError(f"{path}: Label Studio's tasks are JSON: call it .json")
    interface = path.with_suffix(".xml")
    for each in (path, interface):
        if each.exists():
            raise DataError(f"{each} exists: name a new file")
    tasks = []
    for pair in pairs.to_dict("records"):
        data = {name: "" if pd.isna(pair[name]) else str(pair[name]) for name in _OF_PAIR}
        try:
            content = picture(pair)
        except ValueError as error:
            raise DataError(f"the picture {pair['image_id']} does not open ({error})") from error
        data["image"] = "data:image/jpeg;base64," + base64.b64encode(content).decode()
        tasks.append({"data": data})
    write_json(tasks, path)
    with replacing(interface) as temporary:
        temporary.write_text(INTERFACE, encoding="utf-8")
    return interface


def import_annotations(path: Path) -> pd.DataFrame:
    """Return the reviews in a JSON export of Label Studio: the columns of reviews.COLUMNS.

    A person is the e-mail address or the number that an annotation is completed by; cancelled annotations, and those
    without a verdict, are left out. Raises DataError where the file is no such export, or a task is not of a pair.
    """
    try:
        tasks = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path} does not exist") from error
    except (ValueError, OSError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error})") from error
    if not isinstance(tasks, list):
        raise DataError(f"{path}: a list of tasks belongs here: export as JSON, not as JSON-MIN or CSV")
    rows = []
    for number, task in enumerate(tasks, start=1):
        where = f"{path}: task {number}"
        data = task.get("data") if isinstance(task, dict) else None
        annotations = task.get("annotations", []) if isinstance(task, dict) else None
        if not isinstance(data, dict) or not isinstance(annotations, list):
            raise DataError(f"{where} has no data with annotations: export as JSON, not as JSON-MIN or CSV")
        if lacking := [
            name for name in ("qa_id", "question", "answer") if not isinstance(data.get(name), str)
        ]:
            raise DataError(f"{where} lacks {', '.join(lacking)}: `vqatune review export` writes the tasks")
        of_pair = {name: str(data.get(name) or "") for name in _OF_PAIR}
        rows += [of_pair | said for each in annotations if (said := _said(each, data, where))]
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype="str")


def _said(annotation: dict[str, Any], data: dict[str, Any], where: str) -> dict[str, str] | None:
    """Return the person, the verdict and the mended texts of an annotation; None where it says nothing."""
    results = annotation.get("result") or []
    if annotation.get("was_cancelled"):
        return None
    verdict = _text(results, "verdict", "choices")
    if not verdict:
        return None
    if verdict not in VERDICTS:
        raise DataError(f"{where}: the verdict is {verdict!r}, and not one of {', '.join(VERDICTS)}")
    new = {name: _text(results, f"new_{name}", "text") for name in ("question", "answer")}
    new = {name: "" if text == data[name] else text for name, text in new.items()}
    if verdict == "mend" and not any(new.values()):
        raise DataError(f"{where}: it says mend, and has neither a new question nor a new answer")
    mended = {f"new_{name}": text if verdict == "mend" else "" for name, text in new.items()}
    return {"reviewer": _person(annotation.get("completed_by")), "verdict": verdict} | mended


def _text(results: Sequence[dict[str, Any]], name: str, kind: str) -> str:
    for result in results:
        if result.get("from_name") == name:
            values = (result.get("value") or {}).get(kind)
            values = values if isinstance(values, list) else [values]
            return str(values[0]).strip() if values and values[0] is not None else ""
    return ""


def _person(completed_by: Any) -> str:
    if isinstance(completed_by, dict):
        completed_by = completed_by.get("email") or completed_by.get("id")
    if isinstance(completed_by, str):
        return completed_by
    return "label-studio" if completed_by is None else f"label-studio-{completed_by}"
