"""Setting parameters in params.yaml: its comments and its style stay, and the file changes whole or not at all."""

import re
from io import StringIO
from pathlib import Path
from typing import Any

import yaml as pyyaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.representer import RoundTripRepresenter
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from vqatune.errors import ParameterError
from vqatune.params import check_params
from vqatune.params.render import LISTS, WIDTH, params_yaml
from vqatune.tables import replacing

_LONG_LIST = re.compile(r"(?m)^((?P<indent> *)[\w.-]+: \[[^\]\n#]*,\n)((?: +[^\]\n#]*,\n)* +[^\]\n#]*\])")
_VERSION = re.compile(r'  v[0-9]+: \{previous: \w+, batch: "?[0-9]+"?\}\n')


def set_params(
    path: Path,
    changes: dict[str, Any],
    what: str,
    versions: int | None = None,
    default_chain: bool = False,
) -> list[str]:
    """Set parameters in a params.yaml.

    Args:
        path: the file.
        changes: nested as the file is.
        what: what the changes are for, for errors.
        versions: how many versions the chain is to have, if it has more.
        default_chain: a chain that is the first versions of the default one gets the others back.

    Returns:
        A line per parameter that changed: "raw.source: showroom → abo".

    Raises:
        ParameterError: the file is missing or no YAML, or what it would hold is wrong; it stays as it was.
    """
    text, changed = changed_params(path, changes, what, versions, default_chain)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return changed


def changed_params(
    path: Path,
    changes: dict[str, Any],
    what: str,
    versions: int | None = None,
    default_chain: bool = False,
) -> tuple[str, list[str]]:
    """Return the text and the changes that `set_params` would write; raises as it does."""
    values = read_yaml(path)
    changed = _merge(values, changes, "")
    stream = StringIO()
    as_rendered().dump(values, stream)
    text = _reindented(re.sub("(?m) +$", "", stream.getvalue()))
    if versions is not None:
        text, more = _shortened(text, versions)
        changed += more
    if default_chain:
        text, more = _continued(text)
        changed += more
    check_params(YAML(typ="safe").load(text), f"{path} {what}")
    return text, changed


def read_yaml(path: Path) -> Any:
    """Return the content of a YAML file with its comments; raises ParameterError where it is missing or no YAML."""
    if not path.exists():
        raise ParameterError(f"{path} does not exist: run this from the root of the repository")
    try:
        return as_rendered().load(path)
    except YAMLError as error:
        raise ParameterError(f"{path} is not YAML: {' '.join(str(error).split())}") from error


def as_rendered() -> YAML:
    """Return a reader and writer that keeps the style of params_yaml(): only line breaks in long lists differ."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = WIDTH
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.Representer = _Representer
    return yaml


class _Representer(RoundTripRepresenter):
    """Writes null as null."""


_Representer.add_representer(
    type(None), lambda writer, _: writer.represent_scalar("tag:yaml.org,2002:null", "null")
)


def _merge(values: Any, changes: dict[str, Any], prefix: str) -> list[str]:
    changed = []
    for key, value in changes.items():
        before = values.get(key)
        if isinstance(value, dict) and isinstance(before, dict) and prefix + key not in LISTS:
            changed += _merge(before, value, f"{prefix}{key}.")
        elif before != value:
            values[key] = _styled(value)
            changed.append(f"{prefix}{key}: {_shown(before)} → {_shown(value)}")
    return changed


def _styled(value: Any) -> Any:
    """Return a value as the file writes it: lists in a line, and text in quotes where a reader of YAML 1.1 needs them."""
    if type(value) is list:
        styled = CommentedSeq(map(_styled, value))
        styled.fa.set_flow_style()
        return styled
    if type(value) is str and _reads_otherwise(value):
        return DoubleQuotedScalarString(value)
    return value


def _reads_otherwise(text: str) -> bool:
    try:
        return pyyaml.safe_load(text) != text
    except pyyaml.YAMLError:
        return True


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(value)
    return "null" if value is None else str(value)


def _reindented(text: str) -> str:
    """Return the text with the further lines of a long list indented as render writes them; ruamel goes four farther."""
    indented = _LONG_LIST.sub(
        lambda found: found[1] + re.sub("(?m)^ +", f"{found['indent']}  ", found[3]), text
    )
    # A text of several lines may look like a list.
    before, after = (YAML(typ="safe").load(each) for each in (text, indented))
    return indented if before == after else text


def _shortened(text: str, count: int) -> tuple[str, list[str]]:
    """Return the text with the first `count` versions of the chain, and a line that says so where it had more.

    The lines are cut, because ruamel does not delete what is merged elsewhere.
    """
    lines, chain = _chain(text)
    if len(chain) <= count:
        return text, []
    cut = set(chain[count:])
    kept = "".join(line for place, line in enumerate(lines) if place not in cut)
    return kept, [f"versions: {len(chain)} → {count}"]


def _continued(text: str) -> tuple[str, list[str]]:
    """Return the text with the default chain, and a line that says so, where its chain is the first versions of that."""
    (lines, chain), (defaults, whole) = _chain(text), _chain(params_yaml())
    own, wanted = [lines[place] for place in chain], [defaults[place] for place in whole]
    # A version may be written in another way, which no line shows.
    versions = YAML(typ="safe").load(text).get("versions") or {}
    if not own or len(own) != len(versions) or own == wanted or own != wanted[: len(own)]:
        return text, []
    lines[chain[-1]] += "".join(wanted[len(own) :])
    return "".join(lines), [f"versions: {len(own)} → {len(wanted)}"]


def _chain(text: str) -> tuple[list[str], list[int]]:
    """Return the lines of a params.yaml, and the places of those that are a version of the chain."""
    lines = text.splitlines(keepends=True)
    return lines, [place for place, line in enumerate(lines) if _VERSION.fullmatch(line)]
