"""Guessing the columns with text about what is in the picture, and the field that each is."""

import re
from collections import Counter

from vqatune.catalogue.sources.guess_cells import SAMPLE, as_text, is_filled, share_of_numbers
from vqatune.catalogue.sources.guess_names import (
    FIELDS,
    ID,
    LANGUAGE,
    LEFT_OUT,
    PAIR_PARTS,
    PARTS,
    PICTURES,
    POSITION,
)
from vqatune.catalogue.sources.guess_pictures import is_picture_url
from vqatune.text_files.cells import Table
from vqatune.text_files.column_names import find_column, plain
from vqatune.text_files.path_index import EXTENSIONS


def guess_fields(table: Table, given: dict[str, str], taken: set[str]) -> list[str]:
    """Return FIELD=COLUMN of the columns with text about what is in the picture."""
    known = {name: field for field, names in FIELDS.items() for name in names.split()}
    own = {part: column for part, column in given.items() if part not in (*PARTS, *PAIR_PARTS, "fields")}
    if given.get("fields"):
        columns = [column for column in given["fields"].split(",") if column]
    elif "fields" in given:
        columns = []
    else:
        columns = [name for name in table.columns if name not in taken and _tells(table, name)]
    columns = [column for column in columns if column not in own.values()]
    options = _option_names(table)
    found = [f"{field}={column}" for field, column in own.items() if column]
    for column in columns:
        field = (
            options.get(column) or known.get(plain(column)) or known.get(re.sub(r"[\W_]+", "", plain(column)))
        )
        if column in options and not options[column]:
            continue
        field = field or re.sub(r"[\s=]+", "_", column.strip().casefold())
        if own.get(field) != "":
            found.append(f"{field}={column}")
    return found


def _tells(table: Table, column: str) -> bool:
    """Return whether a column has text that may tell something of the picture, rather than a price, a code or a URL."""
    if (
        not column.strip()
        or re.fullmatch(r"option[0-9]+name", plain(column))
        or LEFT_OUT.search(plain(column))
    ):
        return False
    if re.search(r"([\s_-][iI][dD]|[a-z]I[dD])$", column.strip()):
        return False
    if plain(column) in (*PICTURES, *ID, *POSITION, *LANGUAGE, "variantimage", "imagealttext"):
        return plain(column) == "imagealttext"
    cells = [cell for cell in table.columns[column][: 10 * SAMPLE] if is_filled(cell)][:SAMPLE]
    texts = [text for text in map(as_text, cells) if text and text.casefold() not in ("true", "false")]
    urls = sum(is_picture_url(text) or text.lower().endswith(EXTENSIONS) for text in texts)
    return bool(texts) and urls < 0.5 * len(texts) and share_of_numbers(texts) < 0.5


def _option_names(table: Table) -> dict[str, str]:
    """Return Shopify's columns of values, such as Option1 Value, with the field that Option1 Name says; "" for none."""
    found = {}
    for column in table.columns:
        if match := re.fullmatch(r"(option[0-9]+)value", plain(column)):
            names = find_column(list(table.columns), [f"{match[1]}name"])
            said = (
                Counter(text for cell in table.columns[names] if (text := as_text(cell)))
                if names
                else Counter()
            )
            name = said.most_common(1)[0][0].casefold() if said else ""
            known = {each: field for field, names in FIELDS.items() for each in names.split()}
            # A product without variants has the option Title, with the value Default Title.
            found[column] = (
                "" if name in ("", "title") else known.get(plain(name)) or re.sub(r"[\s=]+", "_", name)
            )
    return found
