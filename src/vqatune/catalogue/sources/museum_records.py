"""Records of museums in the forms in which Europeana, DPLA and the Smithsonian publish them, read into one of ours.

docs/museum.md lists the fields that are read.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

FIELDS = (
    *("title", "subject", "creator", "material", "place", "type", "language", "collection", "period", "date"),
    *("dimensions", "institution", "rights", "accession_number"),
)
"""What a listing's metadata may have."""
Values = dict[str, list[str]]
"""Language tag ("" where there is none) → texts."""


@dataclass
class MuseumObject:
    """What a record says: `values` by field."""

    id: str
    pictures: list[str]
    values: dict[str, Values] = field(default_factory=dict)
    kind: str = ""
    """The product type where no type is said."""


def _each(value: Any) -> Iterator[Any]:
    """Yield a value, or each of a list."""
    if isinstance(value, list):
        yield from value
    elif value is not None:
        yield value


def _texts(value: Any, *keys: str) -> list[str]:
    """Return the texts of a value: itself, each of a list, or what objects have under the first key that they have."""
    found = []
    for each in _each(value):
        if isinstance(each, dict):
            each = next((text for key in keys for text in _texts(each.get(key))), None)
        # Names of entities elsewhere are no words.
        if isinstance(each, str) and each.strip() and not each.startswith(("http://", "https://")):
            found.append(each.strip())
    return list(dict.fromkeys(found))


def _urls(value: Any, *keys: str) -> list[str]:
    found = [each.get(key) for each in _each(value) if isinstance(each, dict) for key in keys]
    found += [each for each in _each(value) if isinstance(each, str)]
    return [url for url in found if isinstance(url, str) and url.strip()]


def _by_language(*maps: Any) -> Values:
    """Return the texts of the first language-aware map ({"en": [...], "def": [...]}), list or text that has any."""
    for value in maps:
        if isinstance(value, dict):
            found = {
                "" if tag in ("def", "zxx", "mul", "und") else tag: _texts(texts)
                for tag, texts in value.items()
            }
            found = {tag: texts for tag, texts in found.items() if texts}
        else:
            texts = _texts(value, "def")
            found = {"": texts} if texts else {}
        if found:
            return found
    return {}


def _is_europeana(record: dict[str, Any]) -> bool:
    return "proxies" in record or bool({"edmIsShownBy", "edmPreview", "dcTitleLangAware"} & record.keys())


def _europeana(record: dict[str, Any]) -> MuseumObject:
    """Read an item of the Search API, or the object of the Record API."""
    if "proxies" in record:
        return _europeana_record(record)
    get = record.get
    return _filled(
        MuseumObject(
            str(get("id") or get("guid") or ""), _urls(get("edmIsShownBy")) or _urls(get("edmPreview"))
        ),
        get("type"),
        title=_by_language(get("dcTitleLangAware"), get("title")),
        subject=_by_language(get("dcSubjectLangAware"), get("edmConceptPrefLabelLangAware")),
        creator=_by_language(get("dcCreatorLangAware"), get("dcCreator")),
        material=_by_language(get("dctermsMediumLangAware"), get("dcFormatLangAware")),
        place=_by_language(get("edmPlaceLabelLangAware"), get("dctermsSpatial"), get("edmPlaceLabel")),
        type=_by_language(get("dcTypeLangAware")),
        language=_by_language(get("dcLanguage")),
        collection=_by_language(get("europeanaCollectionName"), get("edmDatasetName")),
        period=_by_language(get("edmTimespanLabelLangAware"), get("edmTimespanLabel")),
        date=_by_language(get("year")),
        institution=_by_language(get("dataProvider")),
        rights={"": _urls(get("rights"))},
    )


def _europeana_record(record: dict[str, Any]) -> MuseumObject:
    aggregation = next((each for each in _each(record.get("aggregations")) if isinstance(each, dict)), {})
    # What the museum says comes before what Europeana adds.
    proxies = [each for each in _each(record.get("proxies")) if isinstance(each, dict)]
    proxies.sort(key=lambda proxy: bool(proxy.get("europeanaProxy")))

    def said(*names: str) -> Values:
        return _by_language(*(proxy.get(name) for proxy in proxies for name in names))

    pictures = _urls(aggregation.get("edmIsShownBy")) + _urls(aggregation.get("hasView"))
    rights = aggregation.get("edmRights")
    return _filled(
        MuseumObject(str(record.get("about") or ""), pictures),
        record.get("type"),
        title=said("dcTitle"),
        subject=said("dcSubject"),
        creator=said("dcCreator"),
        material=said("dctermsMedium", "dcFormat"),
        place=said("dctermsSpatial"),
        type=said("dcType"),
        language=said("dcLanguage"),
        collection=_by_language(record.get("europeanaCollectionName")),
        period=said("dctermsTemporal"),
        date=said("dctermsCreated", "dcDate"),
        dimensions=said("dctermsExtent"),
        accession_number=said("dcIdentifier"),
        institution=_by_language(aggregation.get("edmDataProvider")),
        rights={
            "": [url for urls in rights.values() for url in _urls(urls)] if isinstance(rights, dict) else []
        },
    )


def _is_dpla(record: dict[str, Any]) -> bool:
    return isinstance(record.get("sourceResource"), dict)


def _dpla(record: dict[str, Any]) -> MuseumObject:
    source = record["sourceResource"]
    get = source.get
    pictures = [url for each in _each(record.get("hasView")) for url in _urls(each, "@id")]

    def english(value: Any, *keys: str) -> Values:
        return {"en": _texts(value, *keys)}

    return _filled(
        MuseumObject(
            str(record.get("id") or record.get("@id") or ""), pictures or _urls(record.get("object"))
        ),
        next(iter(_texts(get("type"))), None),
        title=english(get("title")),
        subject=english(get("subject"), "name"),
        creator={"": _texts(get("creator"), "name")},
        material=english(get("medium"), "name"),
        place=english(get("spatial"), "name"),
        type=english(get("format"), "name") if get("format") else english(get("type")),
        language=english(get("language"), "name"),
        collection=english(get("collection"), "title"),
        period=english(get("temporal"), "displayDate"),
        date={"": _texts(get("date"), "displayDate")},
        dimensions={"": _texts(get("extent"))},
        accession_number={"": _texts(get("identifier"))},
        institution={"": _texts(record.get("dataProvider"), "name")},
        rights={"": _texts(get("rights")) or _urls(record.get("rights"))},
    )


def _is_smithsonian(record: dict[str, Any]) -> bool:
    content = record.get("content")
    return isinstance(content, dict) and bool(
        {"descriptiveNonRepeating", "indexedStructured"} & content.keys()
    )


def _smithsonian(record: dict[str, Any]) -> MuseumObject:
    content = record["content"]
    about = content.get("descriptiveNonRepeating") or {}
    indexed, free = content.get("indexedStructured") or {}, content.get("freetext") or {}
    media = (about.get("online_media") or {}).get("media")
    images = [
        each for each in _each(media) if isinstance(each, dict) and each.get("type", "Images") == "Images"
    ]

    def labelled(name: str, *labels: str) -> list[str]:
        wanted = [
            each
            for each in _each(free.get(name))
            if isinstance(each, dict) and any(label in str(each.get("label", "")).lower() for label in labels)
        ]
        return _texts(wanted, "content")

    return _filled(
        MuseumObject(str(about.get("record_ID") or record.get("id") or ""), _urls(images, "content")),
        None,
        title={"en": _texts(about.get("title"), "content") or _texts(record.get("title"))},
        subject={"en": _texts(indexed.get("topic")) or _texts(free.get("topic"), "content")},
        creator={"": _texts(free.get("name"), "content") or _texts(indexed.get("name"))},
        material={"en": labelled("physicalDescription", "medium", "material", "physical description")},
        place={"en": _texts(indexed.get("place")) or _texts(free.get("place"), "content")},
        type={"en": _texts(indexed.get("object_type")) or _texts(free.get("objectType"), "content")},
        language={"en": _texts(indexed.get("language"))},
        collection={"en": _texts(free.get("setName"), "content")},
        period={"en": _texts(indexed.get("date"))},
        date={"": _texts(free.get("date"), "content")},
        dimensions={"": labelled("physicalDescription", "dimension")},
        accession_number={"": labelled("identifier", "accession", "object number", "id number")},
        institution={"": _texts(about.get("data_source")) or _texts(record.get("unitCode"))},
        rights={"": _texts(about.get("metadata_usage"), "access")},
    )


def _filled(thing: MuseumObject, kind: object, **values: Values) -> MuseumObject:
    thing.kind = kind if isinstance(kind, str) else ""
    thing.values = {
        name: {tag: texts for tag, texts in by_tag.items() if texts} for name, by_tag in values.items()
    }
    return thing


FORMS: dict[str, tuple[Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], MuseumObject]]] = {
    "Europeana": (_is_europeana, _europeana),
    "DPLA": (_is_dpla, _dpla),
    "Smithsonian": (_is_smithsonian, _smithsonian),
}
"""Whose form a record has, and how it is read."""
