"""Excel's workbooks (.xlsx), as VLMEvalKit writes predictions, too. The package that reads them is the extra `xlsx`."""

import zipfile
from datetime import date, time
from pathlib import Path
from typing import Any

from vqatune.errors import DataError
from vqatune.runtime.extras import naming_extras
from vqatune.text_files.cells import Table
from vqatune.text_files.delimited import check_names


def read_sheet(path: Path) -> Table:
    """Read the first sheet of a workbook: its first row has the columns' names, formulas count as their values.

    Raises DataError where it is no workbook or has no names, and MissingExtraError where openpyxl is not installed.
    """
    with naming_extras():
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        try:
            names, sheet = book.sheetnames, book.worksheets[0]
            rows = [(number, row) for number, row in enumerate(sheet.iter_rows(values_only=True), 1)]
        finally:
            book.close()
    except (InvalidFileException, zipfile.BadZipFile, OSError, KeyError, ValueError, IndexError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is not a readable workbook ({reason}): save it as .xlsx again") from error
    rows = [(number, row) for number, row in rows if any(cell is not None for cell in row)]
    if not rows:
        raise DataError(f"{path} is empty: it needs a row of column names and rows after it")
    (_, header), *rows = rows
    titles = ["" if cell is None else str(cell) for cell in header]
    check_names(path, titles)
    columns = {
        title: [_cell(row[place]) if place < len(row) else None for _, row in rows]
        for place, title in enumerate(titles)
        if title.strip()
    }
    notes = (
        (f"{path}: only the first of its {len(names)} sheets, {names[0]!r}, is read",) if names[1:] else ()
    )
    return Table(path, columns, [number for number, _ in rows], "row", notes)


def _cell(value: Any) -> Any:
    """Return a cell as the other formats give it: text, True or False, or None."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, (date, time)):
        return value.isoformat()
    return str(value)
