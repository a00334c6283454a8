"""A request to publish: the version, the repositories, and the cards' facts on them."""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id

from vqatune.errors import ParameterError


@dataclass(frozen=True)
class Request:
    """A version, and the repositories of the hub that it and its dataset are for."""

    version: str
    repo: str
    dataset: str | None
    """None where no dataset is named in the card."""
    with_dataset: bool = True
    """Whether the dataset is published, too, or the card only names it."""
    training_state: bool = False
    """Whether the model's folder has the optimizer's state, to be trained on."""
    data_license: str | None = None

    def check(self) -> None:
        """Raise ParameterError where the hub would admit no repository, or no licence, of such a name."""
        for option, name in (("--repo", self.repo), ("--dataset", self.dataset)):
            if name is None:
                continue
            try:
                validate_repo_id(name)
            except HFValidationError as error:
                raise ParameterError(f"{option} {name}: {' '.join(str(error).split())}") from error
            if "/" not in name:
                raise ParameterError(f"{option} {name} lacks the name of its owner: give it as OWNER/{name}")
        if self.data_license is not None and not re.fullmatch(
            r"[a-z0-9]+([.-][a-z0-9]+)*", self.data_license
        ):
            raise ParameterError(
                f"--data-license {self.data_license!r} is no licence's name on the hub: give it as cc-by-4.0, apache-2.0 …"
            )


def git_commit(root: Path) -> str | None:
    """Return a card's text on the commit that a repository is at, or None where that is not known."""
    head = _git(root, "rev-parse", "HEAD")
    if head is None:
        return None
    changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    return f"`{head}`" + (", with changes that were not committed" if changed else "")


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
