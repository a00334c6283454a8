"""Writes the golden files that a library makes: pairs and the score that each metric must give them.

The calls are in golden_libraries.py and golden_models.py, the pairs in golden_pairs.py. The other files in golden/
(those with "by_hand") were worked out from the definition that stands in them. Run this when a definition changes.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from golden_libraries import LIBRARIES
from golden_models import MODELS, make_tiny_bart
from golden_pairs import MODEL_PAIRS, PAIRS, TAGS, TOKENS

from vqatune.evaluation.metrics.wordnet import installed

GOLDEN = Path(__file__).parent / "golden"


def build(bart: Path) -> dict[str, dict]:
    """Return file stem → content of every golden file that a library makes; without WordNet, less those on it.

    bart: the folder of the model that make_tiny_bart makes.
    """
    files = {}
    for name, reference in LIBRARIES.items():
        if reference.wordnet and not installed():
            print(f"{name}: skipped, WordNet is not installed (`make` says why)", file=sys.stderr)
            continue
        pairs = [*PAIRS, *reference.pairs]
        values = [float(reference.score(*pair)) for pair in pairs]
        files[name] = _content(reference.library, f"{reference.call}; on plain forms", pairs, values)
    for names, model in MODELS.items():
        pairs = [*PAIRS, *MODEL_PAIRS]
        rows = [model.score(*pair, bart) for pair in pairs]
        for place, name in enumerate(names):
            # More digits would be those of one machine.
            values = [round(row[place], 7) for row in rows]
            files[name] = _content(model.library, f"{model.call}; on plain forms", pairs, values)
    files["parts_of_speech"] = _parts_of_speech()
    return files


def _content(library: str, call: str, pairs: list[tuple[str, list[str]]], values: list[float]) -> dict:
    return {
        "library": library,
        "library_version": version(library),
        "call": call,
        "pairs": [
            {"prediction": prediction, "references": texts, "value": value}
            for (prediction, texts), value in zip(pairs, values, strict=True)
        ],
    }


def _parts_of_speech() -> dict:
    from textblob.en import lexicon

    return {
        "library": "textblob",
        "library_version": version("textblob"),
        "call": "textblob.en.lexicon[token], by the classes of the Penn Treebank's tags",
        "tokens": {token: TAGS.get(lexicon[token], "other") for token in TOKENS.split()},
    }


def _text(content: dict) -> str:
    """Return JSON with a row a line."""
    entries = []
    for key, value in content.items():
        rows = [json.dumps(row, ensure_ascii=False) for row in value] if isinstance(value, list) else []
        written = "[\n  " + ",\n  ".join(rows) + "\n ]" if rows else json.dumps(value, ensure_ascii=False)
        entries.append(f" {json.dumps(key)}: {written}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        make_tiny_bart(Path(folder))
        contents = build(Path(folder))
    for stem, content in contents.items():
        (GOLDEN / f"{stem}.json").write_text(_text(content), encoding="utf-8")
