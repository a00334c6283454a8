"""The drawn museum as a catalogue: archives in ABO's layout, whose records have a museum's fields.

An object is a function of the seed and its index, so a larger museum begins with the objects of a smaller one.
"""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vqatune.runtime.progress import track
from vqatune.showroom.archives import write_archives
from vqatune.showroom.museum.drawing import draw, framing
from vqatune.showroom.museum.objects import KINDS, VIEWS, WITH_DETAIL, MuseumObject, random_object
from vqatune.showroom.museum.wording import object_record
from vqatune.showroom.products import choose
from vqatune.tables.hash_ranks import unit

_LONGEST_SIDE = 256
_JPEG_QUALITY = 85
# The languages of an object, the one that it is catalogued in first; each as often as it is named.
_LANGUAGES: tuple[tuple[str, ...], ...] = (
    *((("en",),) * 7),
    *((("de",),) * 3),
    *((("fr",),) * 3),
    *((("es",),) * 3),
    ("en", "de"),
    ("fr", "en"),
    ("es", "en"),
    ("de", "fr", "es", "en"),
)


@dataclass(frozen=True)
class Entry:
    """A planned object: `languages` as in wording.object_record, `views` of objects.VIEWS, the main one first."""

    index: int
    thing: MuseumObject
    languages: tuple[str, ...]
    views: tuple[str, ...]

    @property
    def item_id(self) -> str:
        """The id of the object, such as M00012."""
        return f"M{self.index:05d}"

    def image_id(self, view: str) -> str:
        """Return the id of a view's picture, such as M00012-front."""
        return f"{self.item_id}-{view}"


def plan_museum(objects: int, seed: int) -> list[Entry]:
    """Return the given number of planned objects, by index; a kind is the more frequent, the earlier it is in KINDS."""
    entries = []
    kinds = [kind for place, kind in enumerate(KINDS) for _ in range(2 * len(KINDS) - place)]
    for index in range(objects):
        thing = random_object(seed, "museum", index, kind=choose(kinds, seed, "museum kind", index))
        views = VIEWS if unit(seed, "museum detail", index) < WITH_DETAIL else VIEWS[:-1]
        entries.append(Entry(index, thing, choose(_LANGUAGES, seed, "museum languages", index), views))
    return entries


def draw_museum(objects: int, seed: int, folder: Path) -> None:
    """Write `abo-listings.tar` and `abo-images-small.tar` with the given number of objects into a folder.

    The same arguments give the same bytes. An existing file is replaced once the new one is complete.
    """
    entries = plan_museum(objects, seed)
    write_archives(folder, {"0": [_line(entry) for entry in entries]}, _pictures(entries, seed))


def _line(entry: Entry) -> str:
    main, *others = (entry.image_id(view) for view in entry.views)
    images = {"main_image_id": main, "other_image_id": others}
    return json.dumps(object_record(entry.thing, entry.languages, entry.item_id) | images, ensure_ascii=False)


def _pictures(entries: list[Entry], seed: int) -> Iterator[tuple[str, str, tuple[int, int], bytes]]:
    """Yield image id, path, (width, height) and the file's bytes of every view."""
    for entry in track(entries, "drawing objects"):
        for view in entry.views:
            image = draw(entry.thing, framing(view, seed, entry.index), _LONGEST_SIDE)
            file = io.BytesIO()
            image.save(file, "JPEG", quality=_JPEG_QUALITY)
            yield entry.image_id(view), f"{entry.item_id}/{view}.jpg", image.size, file.getvalue()
