"""The two archives of a drawn catalogue, in ABO's layout."""

import gzip
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path

from vqatune.tables import replacing

LISTINGS_ARCHIVE = "abo-listings.tar"
IMAGES_ARCHIVE = "abo-images-small.tar"

_MODIFIED = 1_600_000_000


def write_archives(
    folder: Path, members: dict[str, list[str]], images: Iterable[tuple[str, str, tuple[int, int], bytes]]
) -> None:
    """Write `abo-listings.tar` and `abo-images-small.tar` into a folder; the same content gives the same bytes.

    An existing file is replaced once both new ones are complete.

    Args:
        folder: it exists.
        members: the JSON lines of each member `listings_NAME.json.gz`, by NAME.
        images: image id, path, (width, height) of the original, and the file's bytes.
    """
    with (
        replacing(folder / LISTINGS_ARCHIVE) as listings_path,
        replacing(folder / IMAGES_ARCHIVE) as images_path,
    ):
        with tarfile.open(listings_path, "w", format=tarfile.USTAR_FORMAT) as archive:
            for name, lines in members.items():
                text = "".join(line + "\n" for line in lines)
                _add(archive, f"listings/metadata/listings_{name}.json.gz", _gzip(text))
        with tarfile.open(images_path, "w", format=tarfile.USTAR_FORMAT) as archive:
            table = ["image_id,height,width,path"]
            for image_id, path, (width, height), content in images:
                _add(archive, f"images/small/{path}", content)
                table.append(f"{image_id},{height},{width},{path}")
            _add(archive, "images/metadata/images.csv.gz", _gzip("\n".join(table) + "\n"))


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mtime, member.mode = len(content), _MODIFIED, 0o644
    archive.addfile(member, io.BytesIO(content))


def _gzip(text: str) -> bytes:
    return gzip.compress(text.encode(), mtime=0)
