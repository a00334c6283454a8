"""The figure of how many images the product types have, before and after sampling."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vqatune.tables import replacing

BEFORE, OUTLINE, AFTER, REPEATED = "#a9bfd3", "#2f4b66", "#e89a5b", "#7a1f5c"
NAMED_TYPES = 48
# What a log scale shows of a type with no image.
FLOOR = 0.5


def draw_distribution(table: pd.DataFrame, path: Path | str) -> None:
    """Draw the images of every product type, in the catalogue and in the sample, on a log scale, as a PNG.

    `table` is what `sample_images` returns beside the sample: product_type, images, tier, target, sampled,
    repeats_total. The same table gives the same bytes.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    table = table.sort_values(["images", "product_type"], ascending=[False, True], ignore_index=True)
    # A user's matplotlibrc must not show in an output.
    with matplotlib.rc_context(), replacing(path) as temporary:
        matplotlib.rcdefaults()
        figure = Figure(figsize=(11, 6.2), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        _draw_types(axes, table)
        _draw_tiers(axes, table)
        _name_types(axes, table)
        axes.legend(loc="upper right", ncols=3, frameon=False, bbox_to_anchor=(1, 1.1))
        # The version of matplotlib would be among the bytes.
        figure.savefig(temporary, format="png", dpi=130, metadata={"Software": None})


def _draw_types(axes: Any, table: pd.DataFrame) -> None:
    # The largest type is at 1, so that the place can stand on a log scale.
    edges = np.arange(len(table) + 1) + 0.5
    images, sampled, repeated = table["images"], table["sampled"], table["repeats_total"]
    catalogue, sample = f"catalogue ({images.sum():,})", f"sample ({sampled.sum():,})"
    axes.stairs(images, edges, baseline=FLOOR, fill=True, facecolor=BEFORE, label=catalogue)
    axes.stairs(sampled, edges, baseline=FLOOR, fill=True, facecolor=AFTER, label=sample)
    axes.stairs(images, edges, baseline=FLOOR, color=OUTLINE, linewidth=1)
    if (repeated > sampled).any():
        seen = f"with repeats ({repeated.sum():,})"
        axes.stairs(repeated, edges, baseline=None, color=REPEATED, linewidth=1.4, label=seen)
    axes.set_yscale("log")
    axes.set_ylim(FLOOR, 2 * max(images.max(), repeated.max()))
    axes.set_ylabel("images")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}" if value >= 1 else "")
    axes.set_xscale("linear" if len(table) <= NAMED_TYPES else "log")
    axes.set_xlim(edges[0], edges[-1])
    axes.spines[["top", "right"]].set_visible(False)


def _draw_tiers(axes: Any, table: pd.DataFrame) -> None:
    right = len(table) + 0.5
    paper = {"facecolor": "white", "edgecolor": "none", "alpha": 0.7, "pad": 0.5}
    text = {"textcoords": "offset points", "ha": "right", "fontsize": 9, "color": "#222222", "bbox": paper}
    line = {"color": "#444444", "linewidth": 0.8}
    above = table["images"].max()
    for tier, types in reversed(list(table.groupby("tier"))):
        kept = types["sampled"].sum() / types["images"].sum()
        label = f"{len(types)} type{'s' * (len(types) > 1)}, {kept:.0%} of the images drawn"
        if tier > 0:
            axes.axhline(tier, linestyle=(0, (4, 3)), **line)
            axes.axvline(types.index.max() + 1.5, linestyle=(0, (1, 2)), **line)
            axes.annotate(f"from {tier:,} images: {label}", (right, tier), (-4, 4), **text)
            above = tier
        else:
            axes.annotate(f"from 1 image: {label}", (right, above), (-4, -11), **text)


def _name_types(axes: Any, table: pd.DataFrame) -> None:
    places = np.arange(1, len(table) + 1)
    width = places if len(table) <= NAMED_TYPES else np.log(places)
    named = [0]
    for place in range(1, len(table)):
        if width[place] - width[named[-1]] >= width[-1] / NAMED_TYPES:
            named.append(place)
    axes.set_xticks(named + np.array(1), table["product_type"][named], rotation=90, fontsize=7)
    axes.set_xticks([], minor=True)
    kind = "linear" if len(named) == len(table) else f"log scale, {len(named)} of them named"
    axes.set_xlabel(
        f"{len(table)} product types by their number of images" + f" ({kind})" * (kind != "linear")
    )
