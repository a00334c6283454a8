"""The records of the museum's objects, in the form that sources give, in English, German, French and Spanish."""

from typing import Any

from vqatune.showroom.museum.objects import MuseumObject

LANGUAGES = ("en", "de", "fr", "es")
INSTITUTION = "Drawn Museum"
RIGHTS = "CC0 1.0"

_WORDS: dict[str, tuple[str, str, str, str]] = {
    "VASE": ("Vase", "Vase", "Vase", "Jarrón"),
    "COIN": ("Coin", "Münze", "Monnaie", "Moneda"),
    "PAINTING": ("Painting", "Gemälde", "Tableau", "Cuadro"),
    "BOWL": ("Bowl", "Schale", "Bol", "Cuenco"),
    "STATUETTE": ("Statuette", "Statuette", "Statuette", "Estatuilla"),
    "MASK": ("Mask", "Maske", "Masque", "Máscara"),
    "JUG": ("Jug", "Krug", "Cruche", "Jarra"),
    "PLATE": ("Plate", "Teller", "Assiette", "Plato"),
    "BROOCH": ("Brooch", "Brosche", "Broche", "Broche"),
    "TAPESTRY": ("Tapestry", "Wandteppich", "Tapisserie", "Tapiz"),
    "slender": ("slender", "schlank", "élancée", "esbelta"),
    "rounded": ("rounded", "bauchig", "arrondie", "abombada"),
    "round": ("round", "rund", "ronde", "redonda"),
    "square": ("square", "quadratisch", "carrée", "cuadrada"),
    "rectangular": ("rectangular", "rechteckig", "rectangulaire", "rectangular"),
    "oval": ("oval", "oval", "ovale", "ovalada"),
    "shallow": ("shallow", "flach", "basse", "baja"),
    "deep": ("deep", "tief", "profonde", "honda"),
    "standing": ("standing figure", "stehende Figur", "figure debout", "figura de pie"),
    "seated": ("seated figure", "sitzende Figur", "figure assise", "figura sentada"),
    "triangular": ("triangular", "dreieckig", "triangulaire", "triangular"),
    "octagonal": ("octagonal", "achteckig", "octogonale", "octogonal"),
    "lozenge": ("lozenge", "rautenförmig", "losange", "rombo"),
    "terracotta": ("terracotta", "Terrakotta", "terre cuite", "terracota"),
    "glazed ceramic": ("glazed ceramic", "glasierte Keramik", "céramique émaillée", "cerámica vidriada"),
    "porcelain": ("porcelain", "Porzellan", "porcelaine", "porcelana"),
    "bronze": ("bronze", "Bronze", "bronze", "bronce"),
    "silver": ("silver", "Silber", "argent", "plata"),
    "gold": ("gold", "Gold", "or", "oro"),
    "marble": ("marble", "Marmor", "marbre", "mármol"),
    "carved wood": ("carved wood", "geschnitztes Holz", "bois sculpté", "madera tallada"),
    "oil on canvas": ("oil on canvas", "Öl auf Leinwand", "huile sur toile", "óleo sobre lienzo"),
    "tempera on panel": ("tempera on panel", "Tempera auf Holz", "tempera sur panneau", "temple sobre tabla"),
    "wool": ("wool", "Wolle", "laine", "lana"),
    "silk": ("silk", "Seide", "soie", "seda"),
    "plain": ("plain", "ungemustert", "uni", "liso"),
    "horizontal stripes": ("horizontal stripes", "waagerechte Streifen", "rayures horizontales", "rayas horizontales"),
    "dots": ("dots", "Punkte", "pois", "lunares"),
    "checkerboard": ("checkerboard", "Schachbrett", "damier", "ajedrezado"),
    "zigzag lines": ("zigzag lines", "Zickzacklinien", "lignes en zigzag", "líneas en zigzag"),
    "sun": ("sun", "Sonne", "soleil", "sol"),
    "crescent moon": ("crescent moon", "Mondsichel", "croissant de lune", "luna creciente"),
    "star": ("star", "Stern", "étoile", "estrella"),
    "fish": ("fish", "Fisch", "poisson", "pez"),
    "leaf": ("leaf", "Blatt", "feuille", "hoja"),
    "eye": ("eye", "Auge", "œil", "ojo"),
    "Andes": ("Andes", "Anden", "Andes", "Andes"),
    "Central Asia": ("Central Asia", "Zentralasien", "Asie centrale", "Asia Central"),
    "Northern Italy": ("Northern Italy", "Norditalien", "Italie du Nord", "Norte de Italia"),
    "Crete": ("Crete", "Kreta", "Crète", "Creta"),
    "West Africa": ("West Africa", "Westafrika", "Afrique de l'Ouest", "África Occidental"),
    "Upper Egypt": ("Upper Egypt", "Oberägypten", "Haute-Égypte", "Alto Egipto"),
    "Bronze Age": ("Bronze Age", "Bronzezeit", "âge du bronze", "Edad del Bronce"),
    "Iron Age": ("Iron Age", "Eisenzeit", "âge du fer", "Edad del Hierro"),
    "Middle Ages": ("Middle Ages", "Mittelalter", "Moyen Âge", "Edad Media"),
    "Renaissance": ("Renaissance", "Renaissance", "Renaissance", "Renacimiento"),
    "Baroque": ("Baroque", "Barock", "baroque", "Barroco"),
    "Latin": ("Latin", "Latein", "latin", "latín"),
    "Greek": ("Greek", "Griechisch", "grec", "griego"),
    "Arabic": ("Arabic", "Arabisch", "arabe", "árabe"),
    "Coptic": ("Coptic", "Koptisch", "copte", "copto"),
}  # fmt: skip
_TITLE = ("{kind} with {subject}", "{kind} mit {subject}", "{kind}, {subject}", "{kind} con {subject}")
_COLLECTION = ("{name} Collection", "Sammlung {name}", "Collection {name}", "Colección {name}")


def every_word() -> list[str]:
    """Return the values of all attributes in all languages."""
    return [value for values in _WORDS.values() for value in values]


def say(word: str, language: str) -> str:
    """Return an attribute's value in one of the four languages."""
    return _WORDS[word][LANGUAGES.index(language)]


def object_record(thing: MuseumObject, languages: tuple[str, ...], item_id: str) -> dict[str, Any]:
    """Return the record of an object without its images: field → values, each with its language's tag.

    `languages` are some of en, de, fr and es; the first is the one that the object is catalogued in, and has a
    description, too.
    """

    def each(word: str | None) -> list[dict[str, str]]:
        return [{"language_tag": tag, "value": say(word, tag)} for tag in languages] if word else []

    def filled(forms: tuple[str, ...], **words: str) -> list[dict[str, str]]:
        return [
            {
                "language_tag": tag,
                "value": forms[LANGUAGES.index(tag)].format(
                    **{name: say(word, tag) if word in _WORDS else word for name, word in words.items()}
                ),
            }
            for tag in languages
        ]

    title = filled(_TITLE, kind=thing.kind, subject=thing.subject)
    record: dict[str, Any] = {
        "item_id": item_id,
        "product_type": [{"value": thing.kind}],
        "title": title,
        "type": each(thing.kind),
        "subject": each(thing.subject),
        "material": each(thing.material),
        "shape": each(thing.shape),
        "pattern": each(thing.pattern),
        "period": each(thing.period),
        "place": each(thing.place),
        "creator": [{"value": thing.creator}],
        "collection": filled(_COLLECTION, name=thing.collector),
        "language": each(thing.language),
        "accession_number": [{"value": thing.accession_number}],
        "institution": [{"value": INSTITUTION}],
        "rights": [{"value": RIGHTS}],
        "description": [
            {
                "language_tag": languages[0],
                "value": f"{title[0]['value']}, {say(thing.material, languages[0])}",
            }
        ],
    }
    return {field: values for field, values in record.items() if values}
