"""What the stage raw brings: ABO's two archives, drawn, downloaded or copied, or what other sources need."""

import shutil
from pathlib import Path

from vqatune.catalogue.sources.abo_names import IMAGES_ARCHIVE, LISTINGS_ARCHIVE
from vqatune.errors import ArchiveError
from vqatune.loading.tar_headers import tar_members
from vqatune.params import RawParams
from vqatune.runtime.regular_files import open_regular
from vqatune.tables import replacing

DOWNLOADS = Path(".work/downloads")
"""Partial downloads, kept outside of the target folder, which DVC empties before it runs the stage."""

_CHUNK = 2**22


def prepare_raw(params: RawParams, seed: int, folder: Path) -> None:
    """Put into `folder` what of the catalogue is drawn, downloaded or unpacked, each file whole or not at all.

    That is `abo-listings.tar` and `abo-images-small.tar` of the sources showroom, drawn_museum, abo and path. Of the others it is
    pictures.csv (sources.pictures.PACKED), `pictures-0000.tar`, … with the pictures that are given by URL or lie
    within a table, and rows.parquet, such a table without them. Pictures in files and tars stay where they are.

    Raises ArchiveError or DataError where something is not available or not what `params` says.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if params.source == "showroom":
        from vqatune.showroom.catalogue import draw_catalogue

        draw_catalogue(listings=params.showroom_listings, seed=seed, folder=folder)
    elif params.source == "drawn_museum":
        from vqatune.showroom.museum.catalogue import draw_museum

        draw_museum(objects=params.museum_objects, seed=seed, folder=folder)
    elif params.source == "path":
        _copy(Path(params.path or ""), folder)
    elif params.source == "abo":
        _fetch(params, folder)
    else:
        from vqatune.catalogue.unpack import unpack

        unpack(params, folder)


def _fetch(params: RawParams, folder: Path) -> None:
    from vqatune.catalogue.fetch import fetch

    archives = {LISTINGS_ARCHIVE: params.abo_listings, IMAGES_ARCHIVE: params.abo_images}
    for name, archive in archives.items():
        fetch(archive, DOWNLOADS / name, DOWNLOADS / f"{name}.part")
    for name in archives:
        _check_tar(DOWNLOADS / name)
    # Only when both are complete: if the second is interrupted, the first needs no second download.
    for name in archives:
        try:
            shutil.move(DOWNLOADS / name, folder / name)
        except OSError as error:
            raise ArchiveError(
                f"{DOWNLOADS / name} cannot be moved to {folder}: {error.strerror or error}"
            ) from error


def _copy(source: Path, folder: Path) -> None:
    from vqatune.catalogue.fetch import bytes_bar

    if not source.is_dir():
        raise ArchiveError(f"{source} is not a folder: set raw.path to one that holds ABO's two archives")
    names = (LISTINGS_ARCHIVE, IMAGES_ARCHIVE)
    for name in names:
        if not (source / name).is_file():
            raise ArchiveError(
                f"{source} holds no {name}: set raw.path to a folder that holds ABO's two archives"
            )
        _check_tar(source / name)
    with bytes_bar() as progress:
        for name in names:
            task = progress.add_task(f"copying {name}", total=(source / name).stat().st_size)
            try:
                # No hard link: DVC may make its outputs read-only, and with them the user's own file.
                with (
                    (source / name).open("rb") as original,
                    replacing(folder / name) as temporary,
                    temporary.open("wb") as copy,
                ):
                    while chunk := original.read(_CHUNK):
                        copy.write(chunk)
                        progress.advance(task, len(chunk))
            except OSError as error:
                raise ArchiveError(
                    f"{source / name} cannot be copied to {folder} ({error.strerror or error}): free space or "
                    "correct the permissions"
                ) from error


def _check_tar(path: Path) -> None:
    try:
        with open_regular(path) as file:
            next(tar_members(file, path, path.stat().st_size), None)
    except OSError as error:
        raise ArchiveError(
            f"{path} cannot be read ({error.strerror or error}): correct its permissions"
        ) from error
