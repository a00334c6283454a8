"""Guessing the part that each column of a table plays, from common names and from what is in the cells.

Names are those of Shopify's, Google Merchant's and WooCommerce's exports, of Kaggle's product tables (styles.csv), of
Hugging Face's imagefolder, of WebDataset and of plain tables of questions. A guess is written into params.yaml by
`vqatune use`; no run guesses.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from vqatune.catalogue.sources.folder import FOLDER, PICTURE
from vqatune.catalogue.sources.table import split_names
from vqatune.catalogue.sources.tars import KEY
from vqatune.errors import DataError
from vqatune.params import ColumnsParams, PairColumnsParams
from vqatune.text_files.cells import Table
from vqatune.text_files.column_names import (
    ANSWER,
    DIFFICULTY,
    IMAGE_ID,
    IMAGE_PATH,
    PAIR_LISTS,
    QUESTION,
    find_column,
    plain,
)
from vqatune.text_files.path_index import EXTENSIONS

_PICTURES = [
    # Shopify, Google Merchant.
    *("imagesrc", "imagelink", "additionalimagelink", "additionalimagelinks", "additionalimageurl"),
    *IMAGE_PATH,
    *("imageurls", "imageurl1", "imagelinks", "otherimages", "additionalimages", "gallery", "hyperlink"),
    *(
        "mainimage",
        "mainimageurl",
        "productimage",
        "imgurl",
        "imgsrc",
        "imgs",
        "photourl",
        "thumbnail",
        "jpg",
        "png",
    ),
    *("bild", "bilder", "foto", "imagen", "immagine", "画像"),
    *IMAGE_ID,
]
_ID = [
    # Shopify's rows are an image or a variant each; its handle is the product's.
    *("handle", "itemid", "productid", "parentsku", "asin", "sku", "articleid", "styleid", "productcode"),
    *("itemcode", "articlenumber", "uniqid", "uniqueid", "id", "uid", "gtin", "artikelnummer"),
]
_TYPE = [
    *("producttype", "articletype", "customproducttype", "type", "itemtype", "category", "categories"),
    *(
        "productcategory",
        "googleproductcategory",
        "subcategory",
        "categoryname",
        "class",
        "classname",
        "label",
    ),
    *("cls", "department", "mastercategory", "kategorie", "warengruppe"),
]
_POSITION = ["imageposition", "imageorder", "imageindex", "position"]
_LANGUAGE = ["language", "languagetag", "languagecode", "lang", "locale", "contentlanguage", "sprache"]
_FIELDS = {
    "item_name": "title name productname productdisplayname productcardname itemname displayname producttitle titel "
    "bezeichnung nom titre nombre titolo",
    "product_description": "description productdescription longdescription shortdescription desc bodyhtml body "
    "caption text txt beschreibung descripcion",
    "bullet_point": "bulletpoint bulletpoints features aboutproduct producthighlight highlights",
    "color": "color colour basecolour basecolor colorname colourname colors colours maincolor primarycolor farbe "
    "couleur colore 色",
    "material": "material materials materialien matiere matière matériau materiale 素材 材質",
    "fabric_type": "fabrictype fabric fabrics cloth",
    "pattern": "pattern print muster motif motivo estampado fantasia 柄",
    "item_shape": "itemshape shape form forme forma 形 形状",
    "style": "style stil estilo stile スタイル",
    "finish_type": "finishtype finish oberfläche oberflaeche finition acabado finitura 仕上げ",
}
"""A field of the metadata that templates know → names of its column."""

# Of no use to one who asks about a picture.
_LEFT_OUT = re.compile(
    r"price|cost|sku|barcode|gtin|ean$|upc|mpn|inventory|qty|quantity|stock|availab|status|published|taxable|shipping"
    r"|tax|^seo|gift|fulfil|^link$|url|href|weight|grams|rating|review|discount|sale|currency|created|updated|^date"
    r"|timestamp|^unnamed|^split$|^index$|^rowid$|vendorid|condition$|^google|custom\s?label"
)
_QUESTION_TABLE = re.compile(r"question|answer|^qid$|difficulty|confidence|^qa|^pairs$|^conversations$")
_SEPARATORS = ("|", ";", ",", " ")
_SAMPLE = 400
_FEW = 20
_PARTS = ("pictures", "separator", "id", "type", "position", "language")
_PAIR_PARTS = ("question", "answer", "difficulty")

Finds = Callable[[str], bool]
"""Whether there is a picture with this name."""


def guess_pairs(table: Table, given: dict[str, str]) -> PairColumnsParams | None:
    """Return the columns of questions and answers, None where the table has none.

    `given`: part (question, answer, difficulty) → the column that the user names; "" for none.
    """
    names = list(table.columns)

    def chosen(part: str, known: list[str]) -> str | None:
        return given[part] or None if part in given else find_column(names, known)

    question, answer = chosen("question", QUESTION), chosen("answer", ANSWER)
    if question is None or answer is None or question == answer:
        return None
    return PairColumnsParams(question=question, answer=answer, difficulty=chosen("difficulty", DIFFICULTY))


def nested_pairs(table: Table) -> int:
    """Return how many pairs stand in lists of pairs, as JSON has them a record an image; 0 where there are none."""
    columns = [name for name in (*PAIR_LISTS, "conversations") if name in table.columns]
    lists = [cell for name in columns[:1] for cell in table.columns[name] if isinstance(cell, list)]
    return sum(map(len, lists)) // (2 if columns[:1] == ["conversations"] else 1)


def guess_columns(
    table: Table, pairs: PairColumnsParams | None, finds: Finds, given: dict[str, str]
) -> ColumnsParams:
    """Return the part that each column plays.

    Args:
        table: the cells.
        pairs: its columns of questions and answers, which play no other part.
        finds: whether there is a picture with this name.
        given: what the user says: part or field → column, and "" for none; `fields`: the only ones, with commas.

    Raises:
        DataError: there is no column of pictures, or a given one does not exist.
    """
    names = list(table.columns)
    _check_given(table, given)
    of_pairs = {column for column in pairs.model_dump().values() if column} if pairs else set()
    if pairs:
        of_pairs |= {name for name in names if _QUESTION_TABLE.search(plain(name))}
    taken = set(of_pairs) | {KEY}
    pictures, separator = _pictures(table, finds, given, taken)
    taken |= set(pictures)
    first = [
        next(iter(_names_in(table, pictures, separator, row)), None) for row in range(len(table.numbers))
    ]

    parts: dict[str, str | None] = {}
    for part, known, fits in (
        ("id", _ID, lambda column: _is_id(table.columns[column], first, bool(pairs))),
        ("position", _POSITION, lambda column: _numeric(table.columns[column]) > 0.9),
        ("language", _LANGUAGE, lambda column: _are_tags(table.columns[column])),
        ("type", [FOLDER, *_TYPE], lambda column: _is_type(table.columns[column], first)),
    ):
        if part in given:
            parts[part] = given[part] or None
        else:
            free = [name for name in names if name not in taken]
            parts[part] = next((name for name in _known(free, known) if fits(name)), None)
        if parts[part]:
            taken.add(str(parts[part]))
    if parts["id"] is None and pairs is None and KEY in names and "id" not in given:
        parts["id"] = KEY
    if "position" not in given and parts["id"] is None:
        parts["position"] = None
    # An id that is the picture's name as well says nothing new.
    fields = _fields(table, given, taken | ({FOLDER} if FOLDER in names else set()))
    return ColumnsParams(pictures=pictures, separator=separator, fields=fields, **parts)


def _check_given(table: Table, given: dict[str, str]) -> None:
    for part, text in given.items():
        if part == "separator":
            continue
        for column in (
            text.split(",") if part in ("pictures", "fields") and text not in table.columns else [text]
        ):
            if column and column not in table.columns:
                raise DataError(
                    f"{table.path} has no column {column!r} (--set {part}={text}); it has: {', '.join(table.columns)}"
                )


def _pictures(
    table: Table, finds: Finds, given: dict[str, str], taken: set[str]
) -> tuple[list[str], str | None]:
    """Return the columns of pictures, and the separator within their cells."""
    separator = given.get("separator") or None
    if given.get("pictures"):
        text = given["pictures"]
        columns = [text] if text in table.columns else text.split(",")
        return columns, separator or _separator(table, columns, finds)
    free = [name for name in table.columns if name not in taken]
    # Numbered ones, such as image_2, are more of the same.
    known = [name for name in free if re.sub("[0-9]+$", "", plain(name)) in _PICTURES]
    known.sort(key=lambda name: _PICTURES.index(re.sub("[0-9]+$", "", plain(name))))
    columns, best = [], 0.0
    for name in known:
        share = _share_of_pictures(table, name, finds)
        # A column that only repeats what another has, as Shopify's Variant Image does, adds nothing.
        if share > 0.5 and (not columns or _is_more(name)):
            columns.append(name)
            best = max(best, share)
    if not columns:
        # Whatever it is called: a name that is a picture's in most rows, as Kaggle's id is.
        shares = {name: _share_of_pictures(table, name, finds) for name in free}
        likely = [name for name, share in shares.items() if share > 0.5]
        columns = [max(likely, key=lambda name: shares[name])] if likely else known[:1]
    if not columns:
        raise DataError(
            f"{table.path} has no column known to name pictures: say which with --set image=COLUMN (its columns: "
            f"{', '.join(table.columns)})"
        )
    return columns, separator or _separator(table, columns, finds)


def _is_more(name: str) -> bool:
    return re.search(r"additional|other|gallery|[0-9]$", plain(name)) is not None


def _share_of_pictures(table: Table, column: str, finds: Finds) -> float:
    cells = [cell for cell in table.columns[column][: 10 * _SAMPLE] if _is_filled(cell)][:_SAMPLE]
    return sum(_names_picture(cell, finds) for cell in cells) / len(cells) if cells else 0.0


def _names_picture(cell: Any, finds: Finds) -> bool:
    if isinstance(cell, bytes):
        return True
    if isinstance(cell, dict):
        return "bytes" in cell or "path" in cell
    for separator in (None, *_SEPARATORS):
        names = split_names(cell, separator)
        if names and (finds(names[0]) or is_picture_url(names[0])):
            return True
    return False


def is_picture_url(name: str) -> bool:
    """Return whether a text is a URL."""
    return re.fullmatch(r"https?://\S+", name, re.IGNORECASE) is not None


def _separator(table: Table, columns: list[str], finds: Finds) -> str | None:
    """Return what stands between several pictures in a cell, None where a cell has one, or a list."""
    votes: Counter[str | None] = Counter()
    for column in columns:
        for cell in [cell for cell in table.columns[column][: 10 * _SAMPLE] if isinstance(cell, str)][
            :_SAMPLE
        ]:
            if not cell.strip() or cell.lstrip().startswith("[") or finds(cell.strip()):
                continue
            for separator in _SEPARATORS:
                parts = split_names(cell, separator)
                if len(parts) > 1 and all(
                    is_picture_url(part) or part.lower().endswith(EXTENSIONS) or finds(part) for part in parts
                ):
                    votes[separator] += 1
                    break
    return votes.most_common(1)[0][0] if votes else None


def _names_in(table: Table, columns: list[str], separator: str | None, row: int) -> Iterable[str]:
    for column in columns:
        yield from split_names(table.columns[column][row], separator)


def _is_id(cells: Any, first: list[str | None], pairs: bool) -> bool:
    """Return whether a column may be the listings' id: filled, and with pairs the same for a picture's rows."""
    texts = [_as_text(cell) for cell in cells]
    if not texts or sum(map(bool, texts)) < 0.9 * len(texts) or len(set(texts)) < 2:
        return False
    if not pairs:
        return True
    of_picture: dict[str, set[str]] = {}
    for text, picture in zip(texts, first, strict=True):
        if picture is not None:
            of_picture.setdefault(picture, set()).add(text)
    return all(len(ids) == 1 for ids in of_picture.values())


def _is_type(cells: Any, first: list[str | None]) -> bool:
    """Return whether a column may be the product type: few values, and one a picture."""
    of_picture: dict[str, Counter[str]] = {}
    for cell, picture in zip(cells, first, strict=True):
        text = _as_text(cell)
        if picture is not None and text:
            of_picture.setdefault(picture, Counter())[text] += 1
    if not of_picture or any(len(texts) > 1 for texts in of_picture.values()):
        return False
    values = {text for texts in of_picture.values() for text in texts}
    # Of a few rows less can be asked.
    few = len(values) < len(of_picture) <= _FEW
    return (few or 2 * len(values) <= len(of_picture)) and sum(map(len, values)) < 80 * len(values)


def _are_tags(cells: Any) -> bool:
    texts = [text for text in map(_as_text, cells) if text]
    return bool(texts) and all(re.fullmatch(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*", text) for text in texts)


def _numeric(cells: Any) -> float:
    texts = [text for text in map(_as_text, cells) if text]
    return sum(re.fullmatch(r"[-+]?[0-9]+([.,][0-9]+)*%?", text) is not None for text in texts) / max(
        1, len(texts)
    )


def _fields(table: Table, given: dict[str, str], taken: set[str]) -> list[str]:
    """Return FIELD=COLUMN of the columns with text about what is in the picture."""
    known = {name: field for field, names in _FIELDS.items() for name in names.split()}
    own = {part: column for part, column in given.items() if part not in (*_PARTS, *_PAIR_PARTS, "fields")}
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
        or _LEFT_OUT.search(plain(column))
    ):
        return False
    if re.search(r"([\s_-][iI][dD]|[a-z]I[dD])$", column.strip()):
        return False
    if plain(column) in (*_PICTURES, *_ID, *_POSITION, *_LANGUAGE, "variantimage", "imagealttext"):
        return plain(column) == "imagealttext"
    cells = [cell for cell in table.columns[column][: 10 * _SAMPLE] if _is_filled(cell)][:_SAMPLE]
    texts = [text for text in map(_as_text, cells) if text and text.casefold() not in ("true", "false")]
    urls = sum(is_picture_url(text) or text.lower().endswith(EXTENSIONS) for text in texts)
    return bool(texts) and urls < 0.5 * len(texts) and _numeric(texts) < 0.5


def _option_names(table: Table) -> dict[str, str]:
    """Return Shopify's columns of values, such as Option1 Value, with the field that Option1 Name says; "" for none."""
    found = {}
    for column in table.columns:
        if match := re.fullmatch(r"(option[0-9]+)value", plain(column)):
            names = find_column(list(table.columns), [f"{match[1]}name"])
            said = (
                Counter(text for cell in table.columns[names] if (text := _as_text(cell)))
                if names
                else Counter()
            )
            name = said.most_common(1)[0][0].casefold() if said else ""
            known = {each: field for field, names in _FIELDS.items() for each in names.split()}
            # A product without variants has the option Title, with the value Default Title.
            found[column] = (
                "" if name in ("", "title") else known.get(plain(name)) or re.sub(r"[\s=]+", "_", name)
            )
    return found


def _known(names: list[str], known: list[str]) -> list[str]:
    there = {plain(name): name for name in reversed(names)}
    return [there[name] for name in known if name in there]


def _is_filled(cell: Any) -> bool:
    return cell is not None and cell != "" and cell != []


def _as_text(cell: Any) -> str:
    return "" if cell is None or isinstance(cell, list | dict | bytes) else str(cell).strip()


def corrections(texts: Iterable[str]) -> dict[str, str]:
    """Return part or field → column of what the user sets, `image=COLUMN` each; raises DataError where one is not so."""
    other = {"image": "pictures", "images": "pictures", "picture": "pictures", PICTURE: "pictures"}
    given = {}
    for text in texts:
        part, sign, column = text.partition("=")
        if not sign or not part:
            raise DataError(
                f"--set {text}: write PART=COLUMN, such as image=photo; the parts are image, {', '.join(_PARTS[1:])}, "
                f"{', '.join(_PAIR_PARTS)}, fields, and fields of the metadata such as color"
            )
        part = part.strip()
        given[other.get(part, part)] = column
    return given
