"""The folder of a published adapter, which stock peft and transformers load, with its scores and its card."""

import json
import shutil
from pathlib import Path

from vqatune.inference.answering.load_version import load_whole_encoder
from vqatune.models import lora
from vqatune.models.reference import copy_checkpoint
from vqatune.publishing.cards.adapter import adapter_card
from vqatune.publishing.cards.sections import Facts, gather_facts, is_on_hub
from vqatune.publishing.lineage import check_base, find_base, lineage
from vqatune.publishing.request import Request, git_commit
from vqatune.tables import write_json


def model_facts(version: str, root: Path) -> Facts:
    """Return the facts on a version whose adapter and processor are whole.

    Raises ModelError where there is no such version, or it or a version before is damaged; DataError and ParameterError
    as `gather_facts`.
    """
    adapter = root / "models" / version
    chain = lineage(version, root / "models")
    saved_params = lora.adapter_params(adapter)
    load_whole_encoder(adapter)
    return gather_facts(chain, saved_params, root)


def write_model(folder: Path, facts: Facts, request: Request, root: Path) -> None:
    """Write the adapter, its processor, its base where that is on no hub, its scores and its card.

    Args:
        folder: empty.
        facts: of the version.
        request: what is published, where.
        root: the repository.

    Raises:
        ModelError: the base model is needed and not here, or is not the one that the version was tuned from.
        DataError: a file of scores is damaged.
    """
    models, on_hub = root / "models", is_on_hub(facts.base)
    adapter, base = models / request.version, models / "base"
    if base.is_dir() or not on_hub:
        # Where it is not here, dvc.lock says what it is.
        check_base(find_base(models), facts.chain)
    for path in sorted(adapter.iterdir()):
        if path.is_file():
            shutil.copyfile(path, folder / path.name)
    _name_base(folder / "adapter_config.json", facts.base if on_hub else None)
    if not on_hub:
        copy_checkpoint(base, folder / "base")
    if request.training_state:
        shutil.copytree(adapter / "training_state", folder / "training_state")
    for kept, name in score_files(root, request.version).items():
        if kept.exists():
            shutil.copyfile(kept, folder / name)
    (folder / "README.md").write_text(adapter_card(facts, request, git_commit(root)), encoding="utf-8")


def score_files(root: Path, version: str) -> dict[Path, str]:
    """Return the paths of a version's scores, and their names in its folder."""
    metrics = root / "metrics"
    return {
        metrics / f"{version}.json": "metrics.json",
        metrics / "intervals" / f"{version}.csv": "intervals.csv",
        metrics / "by" / f"{version}.csv": "by.csv",
    }


def _name_base(path: Path, base: dict | None) -> None:
    """Have the adapter name a base model that can be loaded elsewhere: of the hub, or the folder beside it."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = base["name"] if base else "base"
    config["revision"] = base["revision"] if base else None
    write_json(config, path)
