"""Reading of images, by id, from the archives that hold them."""

from collections import Counter
from collections.abc import Iterable

import pandas as pd
from PIL import Image

from vqatune.errors import ArchiveError, DataError, ImageError
from vqatune.loading.open_archives import OpenArchives
from vqatune.loading.picture_digests import add_up, digest_content, digest_of_read
from vqatune.loading.pictures import open_rgb
from vqatune.loading.places import Place, Places


class ImageReader:
    """Reads images from the archives that hold them."""

    def __init__(self, places: Places | pd.DataFrame) -> None:
        """Take the places of images, or a table of them: image_id, archive, offset, length."""
        self._places = Places([places]) if isinstance(places, pd.DataFrame) else places
        self._archives = OpenArchives()

    def content(self, image_id: str) -> bytes:
        """Return the image's bytes, as they are in the archive.

        Raises DataError where the image is not in the table, ArchiveError where its archive is missing or truncated, or has
        other bytes there than the digest of its place.
        """
        place = self._place(image_id)
        content = self._archives.read(place.archive, place.offset, place.length)
        if place.digest is not None and digest_content(content) != place.digest:
            raise ArchiveError(
                f"{place.archive}: image {image_id} at byte {place.offset} has other bytes than were written there: get the "
                "shard again, or write it with `dvc repro -f -s batch`"
            )
        return content

    def read(self, image_id: str) -> Image.Image:
        """Return the image in RGB; raises as `content` does, and ImageError where its bytes do not open."""
        return self.open(image_id, self.content(image_id))

    def open(self, image_id: str, content: bytes) -> Image.Image:
        """Return the image of these bytes in RGB; raises ImageError where they do not open."""
        try:
            return open_rgb(content)
        except ValueError as error:
            place = self._place(image_id)
            raise ImageError(
                f"image {image_id} in {place.archive} at byte {place.offset} does not open: {error}"
            ) from error

    def digest(self, image_ids: Iterable[str]) -> int:
        """Return the digest of reading these images, of which some may repeat (picture_digests.add_up).

        An image is read only where its place does not tell the digest of its bytes. Raises as `content` does.
        """
        return add_up(
            times
            * digest_of_read(image_id, self._place(image_id).digest or digest_content(self.content(image_id)))
            for image_id, times in Counter(image_ids).items()
        )

    def _place(self, image_id: str) -> Place:
        place = self._places.find(image_id)
        if place is None:
            raise DataError(
                f"image {image_id} has questions but no place in an archive: run `dvc repro sample`"
            )
        return place
