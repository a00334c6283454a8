"""Data: what ABO's product types tell of a product, whatever the language of its listing: its noun, and its use and size.

Nouns are English here; `languages/` has their names in other languages.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


COLOR_UNSEEN = frozenset(
    ("LIGHT_BULB", "VEHICLE_LIGHT_BULB", "LIGHT_SOURCE", "STRING_LIGHT", "LIP_COLOR", "HAIR_COLORING_AGENT")
    + ("GROCERY", "COFFEE", "TEA", "HERB", "INK_OR_TONER", "INKJET_PRINTER_INK", "NAIL_POLISH")
)
"""Product types whose told colour is that of the light, the content or the shade on a lip."""

NOUNS: dict[str, str | None] = {
    "SHOES": "shoe",
    "TECHNICAL_SPORT_SHOE": "shoe",
    "HANDBAG": "bag",
    "TOTE_BAG": "bag",
    "DRINKING_CUP": "cup",
    "FINERING": "ring",
    "FASHIONRING": "ring",
    "FINEEARRING": "earring",
    "FASHIONEARRING": "earring",
    "FINENECKLACEBRACELETANKLET": None,
    "FASHIONNECKLACEBRACELETANKLET": None,
    "FINEOTHER": None,
    "FASHIONOTHER": None,
    "PORTABLE_ELECTRONIC_DEVICE_COVER": "cover",
    "STOOL_SEATING": "stool",
    "LIGHT_FIXTURE": "lamp",
    "HOME_LIGHTING_AND_LAMPS": "lamp",
    "BED_FRAME": "bed",
    "GUITARS": "guitar",
    "KEYBOARDS": "keyboard",
    "DUTCH_OVENS": "pot",
    "RICE_COOKERS": "cooker",
    "WALL_ART": "picture",
    "WRITING_INSTRUMENT": "pen",
    "FLAT_SCREEN_DISPLAY_MOUNT": "mount",
    "SAUTE_FRY_PAN": "pan",
    "DISHWARE_PLACE_SETTING": None,
    "STORAGE_BINDER": "binder",
    "ELECTRIC_FAN": "fan",
    "INPUT_MOUSE": "mouse",
    "UTILITY_CART_WAGON": "cart",
    "SCREEN_PROTECTOR": "protector",
    "INFANT_TODDLER_CAR_SEAT": "seat",
}
"""Nouns of product types whose last word is not the noun; None where there is no single word."""

VAGUE = _words(
    "grocery home bath decor care supply supplies products product goods kitchen accessory accessories"
    " living beauty tools biss furniture component components electronics equipment part parts hardware"
    " pantry garden drugstore appliances appliance supplement supplements vitamin medication agent other"
    " device devices art item set mix games toys improvement healthcare protection fixture storage"
    " material add on computer baby converter food snack audio video game apparel decal jewelry color"
    " source support memory control maker unit media machine attachment stock positioner polish"
    " deodorizer conditioner untyped"
)
"""Last words of product types that do not name the product."""

FUNCTIONS: dict[str | None, str] = {
    noun: function
    for function, nouns in {
        "protection": "case cover protector",
        "walking": "shoe boot sandal",
        "sitting": "chair sofa stool bench seat",
        "lighting": "lamp bulb candle",
        "carrying": "bag backpack wallet basket",
        "traveling": "suitcase luggage",
        "drinking": "cup bottle",
        "sleeping": "bed mattress pillow",
        "timekeeping": "clock watch",
        "storage": "box cabinet shelf dresser jar",
        "cutting": "knife scissors",
        "music": "guitar headphones",
        "playing": "ball",
        "climbing": "ladder",
        "locking": "lock",
        "camping": "tent",
        "reading": "book",
        "cooking": "pan pot",
        "writing": "pen",
        "eating": "table plate bowl",
        "wearing": "shirt hat ring earring necklace",
        "flowers": "vase planter",
        "rain": "umbrella",
        "typing": "keyboard",
    }.items()
    for noun in nouns.split()
}
"""Noun → what it is for."""

SMALL = _words("case ring watch lock wallet earring battery pen bulb")
"""Nouns of what fits in a coat pocket."""

LARGE = _words(
    "sofa table chair bed ladder tent suitcase rug desk cabinet dresser bench stool guitar mattress lamp"
    " headboard ottoman backpack"
)
"""Nouns of what never does."""
