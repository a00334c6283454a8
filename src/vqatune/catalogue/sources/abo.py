"""Reads ABO's two archives, without unpacking them, into a table of listings and one of images, part by part.

The layout is that of Amazon Berkeley Objects (https://amazon-berkeley-objects.s3.amazonaws.com/index.html):
`listings/metadata/listings_*.json[.gz]` with a JSON record per line, `images/metadata/images.csv[.gz]`, and the
images under `images/small/`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from vqatune.catalogue.sources.abo_images import (
    lacking,
    name_rows,
    place_images,
    read_images,
    write_images,
)
from vqatune.catalogue.sources.abo_listings import read_member, write_listings
from vqatune.catalogue.sources.abo_names import (
    IMAGES_ARCHIVE,
    IMAGES_FOLDER,
    LISTINGS_ARCHIVE,
    LISTINGS_MEMBER,
)
from vqatune.catalogue.sources.extracted import NAMED
from vqatune.errors import ArchiveError, DataError
from vqatune.loading.archive import find_members
from vqatune.runtime.parts import map_parts, stop_here_in_job_array
from vqatune.tables import PartFiles, link_or_copy, replacing_parts

Tally = dict[str, Any]


def extract(
    folder: Path,
    max_bad_lines: int,
    listings_table: Path,
    images_table: Path,
    work: Path,
    count: int = 1,
    executor: str = "local",
) -> dict[str, Any]:
    """Read `abo-listings.tar` and `abo-images-small.tar` in `folder`, each once, and write two tables of parts.

    Listings are sorted by item_id and metadata, images by image_id, so that neither table depends on the order of
    members or lines. The table has the images that have a row in images.csv and bytes in the archive.

    Args:
        folder: of the archives.
        max_bad_lines: the most lines that may be no listing.
        listings_table: tables.LISTINGS, to be written.
        images_table: tables.IMAGES, to be written.
        work: a folder for what is not done yet; work that it holds is gone on with.
        count: the number of parts of each table.
        executor: as compute.executor.

    Returns:
        The counts of listings, bad_lines (named in bad_line_names, as member:line and reason), images,
        images_without_bytes (rows of images.csv), rows_repeated (of an image_id), members_without_row, and
        symbolic_links where there are any.

    Raises ArchiveError for an archive that is missing, damaged, unsafe or without the expected members, and
    DataError for more than `max_bad_lines` lines that are no listing, or an images.csv that is not ABO's.
    """
    listings, images = Path(folder) / LISTINGS_ARCHIVE, Path(folder) / IMAGES_ARCHIVE
    # First, so that a missing archive is reported at once.
    for archive in (listings, images):
        if not archive.exists():
            raise ArchiveError(f"{archive} does not exist: run the stage raw, or `dvc pull`")
    members = find_members(listings)
    members = members[members["name"].str.fullmatch(LISTINGS_MEMBER)].sort_values("name")
    if members.empty:
        raise lacking(listings, "listings/metadata/listings_*.json[.gz]")
    rows = list(members.itertuples(index=False, name=None))
    files, of_members = PartFiles(work, count), PartFiles(work, len(rows))

    def each(function: Callable[..., Tally], what: str, number: int = count, **arguments: Any) -> list[Tally]:
        done = work / "done" / function.__name__.strip("_")
        return map_parts(partial(function, files=files, **arguments), number, done, what, executor)

    # The headers of the other archive are read in parallel.
    of_images, *of_listings = each(
        _read,
        "reading the archives",
        len(rows) + 1,
        listings=listings,
        images=images,
        rows=rows,
        of_members=of_members,
    )
    report = _bad_lines(listings, of_listings, max_bad_lines)
    each(_write_listings, "sorting listings", members=of_members.all("listings of members"))
    named = each(_name_rows, "comparing images")
    placed = each(_place_images, "finding images", archive=images)
    written = each(_write_images, "sorting images")
    report |= {
        "images": _sum(written, "images"),
        "images_without_bytes": _sum(placed, "images_without_bytes"),
        "rows_repeated": _sum(named, "rows_repeated"),
        "members_without_row": _sum(placed, "members_without_row"),
    }
    if of_images["symbolic_links"]:
        report["symbolic_links"] = of_images["symbolic_links"]
    if not report["images"]:
        paths, there = ([path for tally in tallies for path in tally["paths"]] for tallies in (named, placed))
        raise DataError(
            f"{images}: not one of the {_sum(named, 'rows')} paths of images.csv is that of a picture below {IMAGES_FOLDER}: it "
            f"has {', '.join(paths[:2])}; the pictures are {', '.join(there[:2])}"
        )
    stop_here_in_job_array()
    for kind, table in (("listings", listings_table), ("images", images_table)):
        with replacing_parts(table, count) as target:
            for part in range(count):
                link_or_copy(files.of(kind, part), target(part))
    return report


def _read(
    part: int,
    listings: Path,
    images: Path,
    rows: Sequence[tuple[str, int, int]],
    files: PartFiles,
    of_members: PartFiles,
) -> Tally:
    """Read the archive of images (part 0), or a member with listings."""
    if not part:
        return read_images(images, files.of("members", 0), files.of("rows", 0), files.count)
    target = of_members.of("listings of members", part - 1)
    return read_member(listings, *rows[part - 1], target, files.count)


def _write_listings(part: int, members: Sequence[Path], files: PartFiles) -> Tally:
    return write_listings(part, members, files.of("listings", part), files.count)


def _name_rows(part: int, files: PartFiles) -> Tally:
    return name_rows(part, files.of("rows", 0), files.of("named", part), files.count)


def _place_images(part: int, archive: Path, files: PartFiles) -> Tally:
    placed = files.of("placed", part)
    return place_images(part, archive, files.of("members", 0), files.all("named"), placed, files.count)


def _write_images(part: int, files: PartFiles) -> Tally:
    return write_images(part, files.all("placed"), files.of("images", part), files.count)


def _bad_lines(archive: Path, tallies: Sequence[Tally], max_bad_lines: int) -> Tally:
    """Return the counts of listings and of bad lines; raises DataError where these are too many, or all."""
    found, bad = _sum(tallies, "listings"), _sum(tallies, "bad_lines")
    names = [name for tally in tallies for name in tally["bad_line_names"]]
    if bad > max_bad_lines:
        raise DataError(
            f"{archive}: {bad} lines are no listing, more than extract.max_bad_lines: {max_bad_lines}; the first: "
            + "; ".join(names[:3])
        )
    if bad and not found:
        raise DataError(
            f"{archive}: not one of the {bad} lines is a listing, a JSON object a line; the first: {'; '.join(names[:3])}"
        )
    return {"listings": found, "bad_lines": bad, "bad_line_names": names[:NAMED]}


def _sum(tallies: Sequence[Tally], name: str) -> int:
    return sum(tally[name] for tally in tallies)
