from dataclasses import replace

import numpy as np
import pytest

from vqatune.showroom.drawing import WHITE, View, draw, random_view
from vqatune.showroom.products import (
    COLORS,
    FINISHES,
    INKS,
    KINDS,
    MOTIFS,
    PATTERNS,
    POSITIONS,
    STYLES,
    Product,
    describe,
    inks_on,
    random_product,
)

SMALL = (64, 64)
PRINTABLE = [kind for kind, features in KINDS.items() if features.printable]


def pixels(product: Product, view: View, size: tuple[int, int] = SMALL) -> np.ndarray:
    return np.asarray(draw(product, view, size), dtype=int)


def differing(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Where two pictures clearly differ."""
    return np.abs(one - other).max(axis=2) > 40


def in_all_forms() -> list[Product]:
    return [
        replace(random_product(1, kind, shape, kind=kind), shape=shape)
        for kind, features in KINDS.items()
        for shape in features.shapes or (None,)
    ]


def pieces(mask: np.ndarray) -> int:
    """How many separate areas of at least four pixels a mask has."""
    left = {tuple(point) for point in np.argwhere(mask)}
    found = 0
    while left:
        area, edge = 0, [left.pop()]
        while edge:
            y, x = edge.pop()
            area += 1
            near = {(y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)} & left
            left -= near
            edge.extend(near)
        found += area >= 4
    return found


@pytest.mark.parametrize("product", in_all_forms(), ids=lambda product: f"{product.kind} {product.shape}")
def test_body_has_the_color_that_is_claimed_in_every_view(product):
    for color in COLORS:
        shown = replace(product, color=color, motif=None, count=0)
        # What a different colour would change is what the colour is told by.
        others = [replace(shown, color=other) for other in ("orange", "blue") if other != color]
        for number in range(2):
            view = random_view(5, product.kind, color, number, main=number == 0)
            picture = pixels(shown, view)
            body = np.logical_or.reduce([differing(picture, pixels(other, view)) for other in others])
            # The paler tone of patterns and gloss is no colour of its own.
            strength = picture.max(axis=2) - picture.min(axis=2)
            if color in ("black", "grey"):
                strength = -picture.sum(axis=2)
            seen = picture[body & (strength >= np.quantile(strength[body], 0.7))]
            palette = {**COLORS, "pale": (225, 225, 225), "white": WHITE}
            distance = np.abs(seen[:, None, :] - np.array(list(palette.values())) * view.light).sum(axis=2)
            nearest = np.bincount(distance.argmin(axis=1), minlength=len(palette))[: len(COLORS)]
            assert list(COLORS)[nearest.argmax()] == color
            assert nearest.max() > 60


@pytest.mark.parametrize("kind", PRINTABLE)
@pytest.mark.parametrize("position", POSITIONS)
def test_as_many_emblems_as_claimed_are_printed_where_claimed_in_every_view(kind, position):
    for count in (1, 2, 3, 4):
        for number in range(2):
            product = random_product(7, kind, position, count, number, kind=kind)
            ink, other_ink = inks_on(product.color)[:2]
            product = replace(
                product, motif=MOTIFS[number + count % 3], count=count, position=position, ink=ink
            )
            # Sharp, because areas are counted to the pixel.
            view = replace(random_view(7, kind, count, number, main=number == 0), blur=0.0)

            def seen(product=product, view=view, **changes) -> np.ndarray:
                return pixels(replace(product, **changes), view, (160, 160))

            plain = {"pattern": "solid", "finish": "matte"}
            bare = {"motif": None, "count": 0}
            emblems = differing(seen(**plain), seen(**plain, **bare))
            # What they cover may have their colour.
            emblems |= differing(seen(**plain), seen(**plain, ink=other_ink))
            inked = np.abs(seen(**plain) - np.array(INKS[ink]) * view.light).max(axis=2) < 40
            assert pieces(emblems & inked) == count
            # Neither pattern nor gloss covers any of the print.
            hidden = emblems & inked & differing(seen(), seen(**plain))
            assert hidden.sum() <= 2

            body = np.argwhere(
                differing(seen(**bare), seen(**bare, color="blue" if product.color != "blue" else "orange"))
            )
            y, x = (np.argwhere(emblems).mean(axis=0) - body.min(axis=0)) / np.ptp(body, axis=0)
            if position in ("top", "bottom"):
                assert abs(x - 0.5) < 0.2 and (y < 0.45 if position == "top" else y > 0.65)
            elif position in ("left", "right"):
                assert abs(y - 0.55) < 0.2 and (x < 0.4 if position == "left" else x > 0.55)
            else:
                assert abs(x - 0.5) < 0.2 and abs(y - 0.55) < 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_every_claim_changes_what_is_seen_at_64_pixels(kind):
    for number in range(2):
        product = random_product(3, kind, number, kind=kind)
        view = random_view(3, kind, number)
        changes = [
            {name: value}
            for name, values in (("pattern", PATTERNS), ("style", STYLES), ("finish", FINISHES))
            for value in values
            if value != getattr(product, name)
        ]
        changes += [{"shape": shape} for shape in KINDS[kind].shapes if shape != product.shape]
        if product.motif:
            changes += [{"count": count} for count in (1, 2, 3, 4) if count != product.count]
            changes += [{"position": place} for place in POSITIONS if place != product.position]
            changes += [{"motif": motif} for motif in MOTIFS if motif != product.motif]
            changes += [{"ink": ink} for ink in inks_on(product.color) if ink != product.ink]
        picture = pixels(product, view)
        for change in changes:
            seen = differing(picture, pixels(replace(product, **change), view)).sum()
            assert seen >= 24, (product, change, seen)


def test_kinds_differ_in_more_than_their_claims():
    plain = Product("", "blue", "solid", "modern", "matte")
    drawn = [
        pixels(replace(plain, kind=kind, shape=shape), View())
        for kind, features in KINDS.items()
        for shape in features.shapes or (None,)
    ]
    for place, picture in enumerate(drawn):
        for before in drawn[:place]:
            assert differing(picture, before).sum() > 200


def test_size_is_the_longest_side_or_the_exact_size_of_a_squashed_picture():
    for number, kind in enumerate(KINDS):
        product, view = random_product(1, number, kind=kind), random_view(1, number)
        picture = draw(product, view, 200)
        assert max(picture.size) == 200
        assert picture.width / picture.height == pytest.approx(KINDS[kind].aspect * view.aspect, rel=0.02)
        squashed = draw(product, view, (64, 48))
        assert squashed.size == (64, 48) and squashed.mode == "RGB"
        resized = np.asarray(picture.resize((64, 48)), dtype=int)
        assert np.abs(resized - np.asarray(squashed, dtype=int)).mean() < 12


def test_pictures_and_products_depend_on_the_seed_and_the_key_alone():
    assert random_product(1, "a", 2) == random_product(1, "a", 2) != random_product(2, "a", 2)
    assert random_view(1, "a") == random_view(1, "a") != random_view(1, "b")
    product, view = random_product(1, "a"), random_view(1, "a")
    assert draw(product, view, 64).tobytes() == draw(product, view, 64).tobytes()


def test_main_views_are_on_white_and_other_views_are_not():
    product = random_product(1, kind="CHAIR")
    for number in range(10):
        assert draw(product, random_view(1, number, main=True), 64).getpixel((0, 0)) == WHITE
        assert draw(product, random_view(1, number), 64).getpixel((0, 0)) != WHITE


def test_random_products_use_the_whole_vocabulary_and_what_they_claim_is_possible():
    products = [random_product(1, number) for number in range(3000)]
    for name, values in (
        ("kind", set(KINDS)),
        ("color", set(COLORS)),
        ("pattern", set(PATTERNS)),
        ("style", set(STYLES)),
        ("finish", set(FINISHES)),
        ("motif", {*MOTIFS, None}),
        ("count", {0, 1, 2, 3, 4}),
        ("position", {*POSITIONS, None}),
        ("ink", {*INKS, None}),
    ):
        assert {getattr(product, name) for product in products} == values
    for product in products:
        assert product.shape in (KINDS[product.kind].shapes or (None,))
        assert (
            (product.motif is None)
            == (product.ink is None)
            == (product.position is None)
            == (product.count == 0)
        )
        assert (
            product.motif is None or KINDS[product.kind].printable and product.ink in inks_on(product.color)
        )


def test_description_names_what_is_drawn_in_the_fields_of_the_catalogue():
    product = Product(
        "PILLOW", "red", "striped", "classic", "matte", "round", "star", count=3, ink="white", position="left"
    )
    assert describe(product) == {
        "product_type": ["PILLOW"],
        "color": ["Red"],
        "color_code": ["#D62228"],
        "pattern": ["Striped"],
        "style": ["Classic"],
        "finish_type": ["Matte"],
        "material": ["Cotton"],
        "bullet_point": ["3 white stars printed on the left"],
        "item_shape": ["Round"],
    }
    single = replace(product, count=1, motif="heart", ink="black", position="top")
    assert describe(single)["bullet_point"] == ["1 black heart printed at the top"]
    assert "item_shape" not in describe(random_product(1, kind="CHAIR"))
