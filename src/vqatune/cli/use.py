"""`vqatune use`: look at a file or folder of one's own, say what is in it, and set params.yaml for it."""

import argparse
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table as Grid
from ruamel.yaml import YAML

from vqatune.catalogue.look import Found, images_by_type, look_at, relative, shares
from vqatune.catalogue.settings import settings_for
from vqatune.catalogue.sources.guess import corrections
from vqatune.catalogue.sources.table import ONE_TYPE
from vqatune.cli.use_preview import LOOKED_AT, covered_by_templates, example_pairs, set_line
from vqatune.errors import DataError, ParameterError
from vqatune.generation.checks.language import guess_language
from vqatune.generation.sources.language_files import ENGLISH, language_codes
from vqatune.params import check_params, load_params
from vqatune.params.profiles import OWN_SOURCES, SHOWROOM, profile_names, update, without_own_catalogue
from vqatune.params.setting import changed_params, read_yaml, set_params
from vqatune.runtime.output import say
from vqatune.runtime.terminal import Terminal
from vqatune.tables.atomic import remove_leftovers

PARAMS, PROFILES = Path("params.yaml"), Path("profiles")
_SHOWN = 30
_SOME = 0.1
"""From such a share of the listings on, templates are said to write the pairs."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "what",
        metavar="WHAT",
        help="a table of pictures (CSV, TSV, JSON Lines, JSON, Parquet, .xlsx), a folder of pictures, tars of WebDataset, records of a museum (Europeana, DPLA, Smithsonian), a "
        "folder in ABO's layout, or a dataset of Hugging Face (its id on the Hub, or a saved one)",
    )
    parser.add_argument(
        "--pictures",
        metavar="FOLDER",
        help="where the pictures of a table lie (default: beside it, or below)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PART=COLUMN",
        help="correct a guess: image, id, type, language, position, separator, question, answer, difficulty, fields (only "
        "these, with commas), or a field of the metadata such as color; PART= for none. May be repeated",
    )
    parser.add_argument(
        "--language", metavar="TAG", help="the language of the texts, such as en or de (default: guessed)"
    )
    parser.add_argument(
        "--profile",
        metavar="NAME",
        help="set a profile, too: blip tunes Salesforce/blip-vqa-base, for photographs",
    )
    parser.add_argument("--yes", action="store_true", help="set params.yaml without asking")


def run(chosen: argparse.Namespace) -> None:
    """Look, show, ask, and set the parameters."""
    params = load_params(PARAMS)
    found = look_at(chosen.what, chosen.pictures, corrections(chosen.set))
    # A museum's names and numbers have no language, whatever that of its texts is.
    language = chosen.language or (None if found.form else _language(found))
    covered = covered_by_templates(found, language)
    _show(found, language, covered, params.generate.provider, Terminal())
    changes, versions = settings_for(found, params, language)
    if found.extracted is None and params.raw.source in OWN_SOURCES:
        set_for_it, changes = changes, without_own_catalogue()
        update(changes, set_for_it)
    if chosen.profile:
        update(changes, _profile(chosen.profile))
    # Back to the published catalogue, the chain is whole again.
    whole = found.extracted is None
    text, changed = changed_params(PARAMS, changes, f"with {chosen.what}", versions, whole)
    wanted = check_params(YAML(typ="safe").load(text), str(PARAMS))
    # A museum's templates are of its own fields.
    if found.pairs or (wanted.generate.provider == "template" and covered >= _SOME and not found.form):
        for question, answer in example_pairs(found, language):
            say(f"          {relative(question)} → {relative(answer)}")
    if line := set_line(found, wanted):
        say(line)
    if not changed:
        remove_leftovers(PARAMS)
        say(f"params.yaml is set for {chosen.what} already")
        return
    say("\nparams.yaml would change:")
    for line in changed:
        say(f"  {line}")
    if not chosen.yes and not _agreed():
        say("nothing was changed")
        return
    set_params(PARAMS, changes, f"with {chosen.what}", versions, whole)
    say("params.yaml is set: `dvc repro` is all that is left to do")


def _profile(name: str) -> dict[str, Any]:
    """Return the parameters that a profile sets, but for the catalogue, which is the user's."""
    names = [each for each in profile_names(PROFILES) if each != SHOWROOM]
    if name not in names:
        raise ParameterError(f"there is no profile {name!r}; there are: {', '.join(names)}")
    values = read_yaml(PROFILES / f"{name}.yaml") or {}
    return {section: value for section, value in values.items() if section != "raw"}


def _language(found: Found) -> str | None:
    """Return the language of the texts where a row does not say it, None where it is not plain."""
    if found.extracted is None or found.table is None:
        return None
    columns = [column for _, column in found.columns.field_columns]
    if found.pairs and found.pairs.question:
        columns.append(found.pairs.question)
    rows = range(min(len(found.table.numbers), LOOKED_AT))
    texts = [" ".join(str(found.table.columns[column][row] or "") for column in columns) for row in rows]
    return guess_language(texts) or _language_of_attributes(found)


def _language_of_attributes(found: Found) -> str | None:
    """Return the language whose templates know the attributes of most listings, None where that is not plain."""
    # English first: the other languages know its words, too, so that it is among the best wherever its words are.
    codes = sorted(language_codes(), key=lambda code: (code != ENGLISH, code))
    known = {code: covered_by_templates(found, code, with_types=False) for code in codes}
    best, second = sorted(codes, key=lambda code: -known[code])[:2]
    if known[best] >= 0.5 and (best == ENGLISH or known[second] < known[best]):
        return best
    return ENGLISH if covered_by_templates(found, ENGLISH) >= 0.5 else None


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise DataError("nothing was changed: say --yes to set params.yaml without being asked")
    return input("Set params.yaml so? [y/N] ").strip().lower() in ("y", "yes")


def _show(found: Found, language: str | None, covered: float, provider: str, console: Console) -> None:
    if found.table is None or found.extracted is None:
        console.print(
            f"{found.path}: a catalogue in ABO's layout", markup=False, highlight=False, soft_wrap=True
        )
        return
    roles = _roles(found)
    grid = Grid(
        title=f"{found.table.path}: {len(found.table.numbers):,} {found.table.unit}s", title_justify="left"
    )
    for name in ("column", "part", "filled", "for example"):
        grid.add_column(name, overflow="fold", justify="right" if name == "filled" else "left")
    columns = list(found.table.columns.items())
    for name, cells in columns[:_SHOWN]:
        filled = [cell for cell in cells if cell not in (None, "", [])]
        example = relative(filled[0]) if filled else ""
        share = f"{len(filled) / max(1, len(cells)):.0%}"
        grid.add_row(name, roles.get(name, "–"), share, example)
    console.print(grid, markup=False)
    if len(columns) > _SHOWN:
        console.print(f"… and {len(columns) - _SHOWN} more columns")
    for line in [*_lines(found), _language_line(found, language), _pairs_line(found, covered, provider)]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _roles(found: Found) -> dict[str, str]:
    columns = found.columns
    roles = {column: field for field, column in columns.field_columns}
    single = {
        "id": columns.id,
        "type": columns.type,
        "position": columns.position,
        "language": columns.language,
    }
    single |= found.pairs.model_dump() if found.pairs else {}
    roles |= {column: part for part, column in single.items() if column}
    between = f", separated by {columns.separator!r}" if columns.separator else ""
    return roles | dict.fromkeys(columns.pictures, f"image{between}")


def _lines(found: Found) -> list[str]:
    """Return what there is and what is missing, a line a subject."""
    extracted = found.extracted
    assert extracted is not None
    report, listings = extracted.report, extracted.listings
    without = int((listings["image_ids"].map(len) == 0).sum())
    lines = [f"listings: {len(listings):,}" + (f", {without:,} of them without a picture" if without else "")]
    if found.urls:
        lines.append(f"pictures: {found.urls:,} URLs, which `dvc repro` fetches")
        if found.private:
            lines.append(
                f"          {found.private} is of this machine or its network: raw.allow_private_addresses: true permits that"
            )
    if found.inside:
        lines.append(
            f"pictures: {found.inside:,} within it, which `dvc repro` unpacks; {len(found.unreadable):,} do not open"
        )
    if found.pictures:
        lines.append(f"pictures: {report['images'] - found.urls:,} of {found.pictures}, read in place")
        some = "" if found.opened == report["images"] else f"of {found.opened:,} looked at, "
        bad = found.unreadable
        named = f" ({', '.join(bad[:3])}{', …' if len(bad) > 3 else ''})" if bad else ""
        lines.append(f"          {some}{found.opened - len(bad):,} open, {len(bad):,} do not{named}")
        if found.repeated:
            lines.append(f"          {found.repeated:,} have the bytes of another: each is used once")
    if report["images_without_bytes"]:
        names = ", ".join(report["missing_names"][:3])
        lines.append(
            f"missing:  {report['images_without_bytes']:,} pictures that are named are not there ({names})"
        )
    if report["members_without_row"]:
        lines.append(f"unused:   {report['members_without_row']:,} pictures that no row names")
    by_type = images_by_type(extracted)
    if set(by_type) == {ONE_TYPE}:
        lines.append("types:    none given: all pictures are of one type (--set type=COLUMN names a column)")
    else:
        lines.append(f"types:    {shares(listings['product_type'])}")
    return lines


def _language_line(found: Found, language: str | None) -> str:
    assert found.extracted is not None
    tags = found.extracted.listings["languages"].explode().dropna()
    if len(tags):
        return f"language: {shares(tags)}"
    return (
        f"language: {language} (--language TAG corrects it)"
        if language
        else "language: not known (--language TAG says it)"
    )


def _pairs_line(found: Found, covered: float, provider: str) -> str:
    if found.form and provider == "template":
        return f"pairs:    templates ask for the fields of {found.form}'s records (generate.attributes)"
    if found.pairs and found.table:
        return f"pairs:    {found.nested or len(found.table.numbers):,} questions with their answers"
    if provider not in ("template", "recorded"):
        return f"pairs:    {provider} writes them (generate.provider)"
    if covered >= _SOME:
        return f"pairs:    templates write them from attributes, about {covered:.0%} of the listings"
    return (
        "pairs:    there are no questions, and hardly an attribute that templates could ask about (in "
        f"{', '.join(language_codes())}): have a model that sees the pictures write pairs (generate.provider, "
        "docs/generation.md)"
    )
