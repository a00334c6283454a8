"""From a catalogue's source to the tables of listings and images."""

from pathlib import Path

from vqatune.catalogue.sources import abo
from vqatune.catalogue.sources.extracted import Extracted
from vqatune.catalogue.sources.folder import PICTURE, folder_rows
from vqatune.catalogue.sources.museum import COLUMNS, museum_rows
from vqatune.catalogue.sources.pictures import ROWS, Pictures, packed_pictures, picture_files
from vqatune.catalogue.sources.table import extract_table
from vqatune.catalogue.sources.tars import tar_rows
from vqatune.params import ColumnsParams, RawParams
from vqatune.text_files.formats import read_cells


def extract_catalogue(raw: RawParams, folder: Path, max_bad_lines: int) -> Extracted:
    """Read the listings and images of the catalogue.

    Args:
        raw: its source, and where its files lie.
        folder: what the stage raw wrote: ABO's two archives or, for other sources, what was fetched and unpacked.
        max_bad_lines: of ABO's listings.

    Raises DataError or ArchiveError where it cannot be read, or is not what `raw` says.
    """
    folder = Path(folder)
    if raw.source in ("showroom", "drawn_museum", "abo", "path"):
        return abo.extract(folder, max_bad_lines)
    if raw.source == "folder":
        table, files = folder_rows(Path(raw.pictures or ""))
        return extract_table(table, _with_pictures(raw), Pictures(files), raw.language)
    if raw.source == "tars":
        table, files = tar_rows(Path(raw.pictures or ""))
        return extract_table(table, _with_pictures(raw), Pictures(files), raw.language)
    packed, dead = packed_pictures(folder)
    columns = raw.columns
    if raw.source == "museum":
        table, columns = museum_rows(Path(raw.path or "")), COLUMNS
    else:
        table = read_cells(folder / ROWS if (folder / ROWS).exists() else Path(raw.path or ""))
    files = picture_files(Path(raw.pictures)) if raw.pictures else []
    extracted = extract_table(table, columns, Pictures(files, packed), raw.language)
    extracted.report["dead"] = len(dead)
    extracted.report["dead_names"] = [f"{name}: {reason}" for name, reason in dead.itertuples(index=False)]
    return extracted


def _with_pictures(raw: RawParams) -> ColumnsParams:
    return raw.columns.model_copy(update={"pictures": [PICTURE]})
