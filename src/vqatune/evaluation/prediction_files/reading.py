"""Reading any file of predictions, whatever its format and columns, by itself or with its references in another file.

What is in a cell is text and stays it: the answers 'None', 'NA', 'nan' and '' are answers like any other.
"""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vqatune.errors import DataError
from vqatune.evaluation.prediction_files.columns import (
    DIFFICULTY,
    IMAGE_ID,
    PREDICTION,
    REFERENCES,
    ROLES,
    Columns,
    choose_columns,
)
from vqatune.evaluation.prediction_files.joining import Place, join_files
from vqatune.evaluation.prediction_files.value_parsing import (
    as_texts,
    difficulty_numbers,
    image_texts,
    prediction_texts,
    reference_lists,
)
from vqatune.text_files.formats import read_cells


@dataclass(frozen=True, eq=False)
class PredictionsFile:
    """The pairs in a file of predictions.

    frame: a row a pair in the file's order: prediction (text), references (a list of one text or more), difficulty (Int64) and image_id (text) where the file has them; then every column of the file under
    its own name, as text. A column that is called like one of these four and was not taken for it has `_text` after
    its name.
    taken: prediction, references, difficulty, image_id → the file's columns that were taken for it.
    notes: a line for each peculiarity of the file that the user should know.
    """

    frame: pd.DataFrame
    taken: dict[str, tuple[str, ...]]
    notes: list[str]

    @property
    def summary(self) -> str:
        """Which columns were taken for what, such as 'prediction: pred, references: gt'."""
        return ", ".join(f"{role}: {' + '.join(names)}" for role, names in self.taken.items())


def read_predictions(
    path: Path | str,
    columns: Columns | None = None,
    references: Path | None = None,
    questions: Path | None = None,
    on: str | None = None,
) -> PredictionsFile:
    """Read a file of predictions, its format by its suffix, its columns as given or guessed from common names.

    A missing prediction (a null of JSON or Parquet) is the empty answer, and counted in a note; a list of one text is
    that text. A column of references holds texts or lists (value_parsing.reference_lists). Of several columns of
    references each holds some, and an empty cell is none. Numbers become the text that they are in the file,
    Parquet's as Python writes them. Columns of bytes or without a name are left out; so are, with a note, guessed
    columns with a difficulty that is not a whole number or without an image somewhere.

    Args:
        path: the predictions.
        columns: those that the user names.
        references: a file with the references of the predictions, found by their id (joining.join_files); by default
            they are in the file of predictions.
        questions: a file with more about the references, such as their questions and images, found by the same id.
        on: the column of ids, or two with `=` between them.

    Raises DataError, with the line or row, where a file cannot be read or is not what its suffix says, where it
    is not plain which column is what, where it has no rows, where a row has another number of cells than the others
    or no reference, where a difficulty in a given column is not a whole number, or an image in one has no name.
    MissingExtraError where it is a workbook and what reads those is not installed.
    """
    columns = columns or Columns()
    table = read_cells(Path(path))
    where, notes = str(path), list(table.notes)
    found = table.columns
    if references is None and (questions or on):
        raise DataError(
            f"{'--on' if on else '--questions'} goes with --references FILE, whose rows are found by an id"
        )
    if references is None:
        places: dict[str, Place] = dict.fromkeys(found, table.at)
    else:
        truths, asked = read_cells(references), read_cells(questions) if questions else None
        joined = join_files(table, truths, asked, columns, on)
        columns, found, places = joined.chosen, joined.columns, joined.places
        notes += [*truths.notes, *(asked.notes if asked else ()), *joined.notes]
    chosen = choose_columns(list(found), columns, where)
    [answers], names = chosen[PREDICTION], chosen[REFERENCES]
    if missing := sum(cell is None for cell in found[answers]):
        notes.append(f"{missing} missing predictions count as empty answers")
    predictions, more = prediction_texts(answers, found[answers], places[answers])
    notes += more
    lists, more = reference_lists({name: found[name] for name in names}, places[names[0]])
    notes += more
    if len(names) > 1:
        chosen[REFERENCES] = tuple(name for name in names if any(as_texts(found[name])))
        empty = [name for name in names if name not in chosen[REFERENCES]]
        notes += [f"column {name!r} is empty in every row: it gives no references" for name in empty]
    frame = {PREDICTION: predictions, REFERENCES: lists}
    optional = {
        DIFFICULTY: (columns.difficulty, difficulty_numbers),
        IMAGE_ID: (columns.image_id, image_texts),
    }
    for role, (given, read) in optional.items():
        for name in chosen.get(role, ()):
            try:
                frame[role] = read(name, found[name], places[name])
            except DataError as error:
                # A guess from the column's name alone may be wrong.
                if given:
                    raise
                del chosen[role]
                notes.append(f"column {name!r} is not used as the {role}: {error}")
    for name in found:
        if name in chosen.get(name, ()):
            continue
        kept = name
        while kept in ROLES or (kept != name and kept in found):
            kept += "_text"
        if kept != name:
            notes.append(f"column {name!r} was not taken for the {name}: it is called {kept!r} here")
        frame[kept] = as_texts(found[name])
    return PredictionsFile(pd.DataFrame(frame), chosen, notes)
