"""The texts of the showroom's listings: a product as a record in ABO's JSON form, in the listing's languages."""

from typing import Any

from vqatune.showroom.products import KINDS, Product, choose, describe
from vqatune.tables.hash_ranks import hash_rank, unit

_LANGUAGES = ("de", "es", "fr", "ja")

_TRANSLATIONS: dict[str, tuple[str, str, str, str]] = {
    "Phone Case": ("Handyhülle", "Funda para móvil", "Coque de téléphone", "スマホケース"),
    "Shoe": ("Schuh", "Zapato", "Chaussure", "靴"),
    "Chair": ("Stuhl", "Silla", "Chaise", "椅子"),
    "Handbag": ("Handtasche", "Bolso", "Sac à main", "ハンドバッグ"),
    "Lamp": ("Lampe", "Lámpara", "Lampe", "ランプ"),
    "Table": ("Tisch", "Mesa", "Table", "テーブル"),
    "Sofa": ("Sofa", "Sofá", "Canapé", "ソファ"),
    "Hat": ("Hut", "Sombrero", "Chapeau", "帽子"),
    "Cup": ("Tasse", "Taza", "Tasse", "マグカップ"),
    "Pillow": ("Kissen", "Cojín", "Coussin", "クッション"),
    "Rug": ("Teppich", "Alfombra", "Tapis", "ラグ"),
    "Backpack": ("Rucksack", "Mochila", "Sac à dos", "リュックサック"),
    "Suitcase": ("Koffer", "Maleta", "Valise", "スーツケース"),
    "Clock": ("Uhr", "Reloj de mesa", "Horloge", "時計"),
    "Bottle": ("Flasche", "Botella", "Bouteille", "ボトル"),
    "Boot": ("Stiefel", "Bota", "Botte", "ブーツ"),
    "Shirt": ("Hemd", "Camiseta", "T-shirt", "シャツ"),
    "Box": ("Aufbewahrungsbox", "Caja", "Boîte", "収納ボックス"),
    "Bed": ("Bett", "Cama", "Lit", "ベッド"),
    "Umbrella": ("Regenschirm", "Paraguas", "Parapluie", "傘"),
    "Vase": ("Vase", "Jarrón", "Vase", "花瓶"),
    "Ball": ("Ball", "Pelota", "Ballon", "ボール"),
    "Book": ("Buch", "Libro", "Livre", "本"),
    "Watch": ("Armbanduhr", "Reloj de pulsera", "Montre", "腕時計"),
    "Guitar": ("Gitarre", "Guitarra", "Guitare", "ギター"),
    "Ladder": ("Leiter", "Escalera", "Échelle", "はしご"),
    "Knife": ("Küchenmesser", "Cuchillo", "Couteau", "包丁"),
    "Lock": ("Vorhängeschloss", "Candado", "Cadenas", "南京錠"),
    "Tent": ("Zelt", "Tienda de campaña", "Tente", "テント"),
    "Ring": ("Ring", "Anillo", "Bague", "指輪"),
    "Red": ("Rot", "Rojo", "Rouge", "レッド"),
    "Orange": ("Orange", "Naranja", "Orange", "オレンジ"),
    "Yellow": ("Gelb", "Amarillo", "Jaune", "イエロー"),
    "Green": ("Grün", "Verde", "Vert", "グリーン"),
    "Blue": ("Blau", "Azul", "Bleu", "ブルー"),
    "Purple": ("Lila", "Morado", "Violet", "パープル"),
    "Pink": ("Rosa", "Rosa", "Rose", "ピンク"),
    "Brown": ("Braun", "Marrón", "Marron", "ブラウン"),
    "Black": ("Schwarz", "Negro", "Noir", "ブラック"),
    "Grey": ("Grau", "Gris", "Gris", "グレー"),
    "Solid": ("Einfarbig", "Liso", "Uni", "無地"),
    "Striped": ("Gestreift", "A rayas", "À rayures", "ストライプ"),
    "Dotted": ("Gepunktet", "De lunares", "À pois", "ドット"),
    "Checkered": ("Kariert", "A cuadros", "À carreaux", "チェック"),
    "Classic": ("Klassisch", "Clásico", "Classique", "クラシック"),
    "Modern": ("Modern", "Moderno", "Moderne", "モダン"),
    "Glossy": ("Glänzend", "Brillante", "Brillant", "光沢"),
    "Matte": ("Matt", "Mate", "Mat", "マット"),
    "Easy to clean with a damp cloth": (
        "Leicht mit einem feuchten Tuch zu reinigen",
        "Fácil de limpiar con un paño húmedo",
        "Facile à nettoyer avec un chiffon humide",
        "湿った布で簡単にお手入れできます",
    ),
    "A thoughtful gift for family and friends": (
        "Ein schönes Geschenk für Familie und Freunde",
        "Un buen regalo para familia y amigos",
        "Un joli cadeau pour la famille et les amis",
        "ご家族やお友達への贈り物に",
    ),
}

_NOUNS = dict(zip(KINDS, list(_TRANSLATIONS)[: len(KINDS)], strict=True))

_ENGLISH_BULLETS = (
    "Built to last, with a 1-year limited warranty",
    "Ships in frustration-free packaging, 2 per carton",
    "Designed in-house & tested by hand",
    "Pairs well with the rest of the collection (sold separately)",
    "Model year 2021; replaces model SR-4410",
)
_BRANDS = ("Showroom Basics", "Harrow & Finch", "Solna", "Tidemark", "Pine Street")
_FANCY = {
    "red": "Cherry Red",
    "blue": "Royal Blue",
    "green": "Forest Green",
    "black": "Jet Black",
    "grey": "Gray",
}
_POETIC = ("Mushroom", "Midnight", "Sahara", "Nordic Breeze")
_WOVEN = ("Polyester", "Cotton", "Wool", "Nylon", "Felt")


def translate(text: str, language: str) -> str:
    """Translate an English phrase to the language of a tag such as de_DE; unchanged where no translation is known."""
    prefix = language.partition("_")[0]
    if prefix not in _LANGUAGES or text not in _TRANSLATIONS:
        return text
    return _TRANSLATIONS[text][_LANGUAGES.index(prefix)]


def item_record(product: Product, languages: tuple[str, ...], seed: int, index: int) -> dict[str, Any]:
    """Return a listing in ABO's JSON form, without its images.

    `languages`: tags such as en_US, in the order of the values. The rest is a function of seed and index.
    """
    key = ("words", index)
    fields = describe(product)
    noun = _NOUNS[product.kind]
    brand = choose(_BRANDS, seed, *key, "brand")
    number = hash_rank(seed, *key, "number")
    country = languages[0].partition("_")[2]

    def in_all_languages(texts: list[str]) -> list[dict[str, str]]:
        return [
            {"language_tag": language, "value": translate(text, language)}
            for language in languages
            for text in texts
        ]

    record: dict[str, Any] = {
        "brand": in_all_languages([brand]),
        "bullet_point": _bullets(product, languages, seed, index),
        "color": [
            {
                "language_tag": language,
                "standardized_values": [product.color.title()],
                "value": _color_name(product, language, seed, index),
            }
            for language in languages
        ],
        "color_code": fields["color_code"],
        "country": country,
        "domain_name": _DOMAINS.get(country, "amazon.com"),
        "finish_type": in_all_languages(fields["finish_type"]),
        "item_dimensions": {
            side: _measure("inches", 2 + (number >> shift) % 400 / 10)
            for side, shift in (("height", 3), ("length", 11), ("width", 19))
        },
        "item_id": item_id(seed, index),
        "item_keywords": in_all_languages([noun])
        + [{"language_tag": languages[0], "value": f"{noun.lower()} gift decor new"}],
        "item_name": [
            {"language_tag": language, "value": _title(product, noun, brand, language)}
            for language in languages
        ],
        "item_weight": [_measure("pounds", 0.2 + (number >> 27) % 300 / 10)],
        "marketplace": "Amazon",
        "model_number": [{"value": f"SR-{number % 9000 + 1000}"}],
        "node": [{"node_id": 1000 + list(KINDS).index(product.kind), "node_name": f"/Categories/{noun}"}],
        "pattern": in_all_languages(fields["pattern"]),
        "product_type": [{"value": product.kind}],
        "style": in_all_languages(fields["style"]),
    }
    material = fields["material"][0]
    if material in _WOVEN:
        record["fabric_type"] = in_all_languages([f"100% {material}"])
    else:
        record["material"] = in_all_languages([material])
    if product.shape:
        record["item_shape"] = in_all_languages(fields["item_shape"])
    if unit(seed, *key, "description") < 0.4:
        record["product_description"] = _description(product, noun, brand, languages)
    return dict(sorted(record.items()))


_DOMAINS = {"DE": "amazon.de", "ES": "amazon.es", "FR": "amazon.fr", "JP": "amazon.co.jp", "IN": "amazon.in"}


def item_id(seed: int, index: int) -> str:
    """Return an item id of ten characters, such as B0J4Z81KQX."""
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    number = hash_rank(seed, "item id", index)
    return "B0" + "".join(digits[number // 36**digit % 36] for digit in range(8))


def _bullets(product: Product, languages: tuple[str, ...], seed: int, index: int) -> list[dict[str, str]]:
    values = []
    for language in languages:
        common = ("Easy to clean with a damp cloth", "A thoughtful gift for family and friends")
        texts = [translate(text, language) for text in common]
        if language.startswith("en"):
            texts[1:1] = describe(product).get("bullet_point", [])
            texts.insert(0, choose(_ENGLISH_BULLETS, seed, "bullet", index))
        values += [{"language_tag": language, "value": text} for text in texts]
    return values


def _color_name(product: Product, language: str, seed: int, index: int) -> str:
    chance = unit(seed, "color name", index)
    if chance < 0.04:
        return choose(_POETIC, seed, "poetic", index)
    if chance < 0.14 and language.startswith("en"):
        return _FANCY.get(product.color, product.color.title())
    return translate(product.color.title(), language)


def _title(product: Product, noun: str, brand: str, language: str) -> str:
    words = [translate(word.title(), language) for word in (product.color, product.pattern)]
    return f"{brand} {translate(noun, language)}, {', '.join(words)}"


def _description(product: Product, noun: str, brand: str, languages: tuple[str, ...]) -> list[dict[str, str]]:
    values = []
    for language in languages:
        name = translate(noun, language)
        lines = [
            translate(text, language) for text in ("Easy to clean with a damp cloth", product.style.title())
        ]
        text = f"<p><b>{name}</b> by {brand.replace('&', '&amp;')}</p><br/>"
        text += f"<ul><li>{'</li><li>'.join(lines)}</li></ul>"
        values.append({"language_tag": language, "value": text})
    return values


def _measure(name: str, value: float) -> dict[str, Any]:
    value = round(value, 1)
    return {"normalized_value": {"unit": name, "value": value}, "unit": name, "value": value}
