"""The `vqatune` command, for what is done beside the stage graph.

- `vqatune profile abo` sets params.yaml for the real thing.
- `vqatune table` prints the scores of all versions.
- `vqatune timings` prints what the stages took here.
- `vqatune pairs` prints which checks dropped pairs, and how the kept ones are spread.
- `vqatune report` writes the report page, with what is true of this run alone.
- `vqatune score predictions.csv` scores any file of predictions and references.
- `vqatune compare v7 v13` says what changed from one version to another.
- `vqatune export-qa pairs.csv --format csv` writes the checked pairs for use elsewhere.
- `vqatune replies export mine.jsonl.gz` and `import` move models' replies between machines; `show` counts them.
- `vqatune ask PICTURE "question"` asks a version, or several; `vqatune answer questions.csv --images DIR` a whole file.
- `vqatune demo` shows a page for asking two versions about a picture.
- `vqatune export v13 --merged DIR` writes a version as a checkpoint of its own.
- `vqatune publish v13 --repo OWNER/NAME` prepares adapter and dataset for the Hugging Face hub, and uploads them.
"""

import argparse
import os
import sys
from io import TextIOWrapper

from vqatune.cli import graph, measuring, models, questions
from vqatune.errors import VqatuneError


def main(arguments: list[str] | None = None) -> None:
    """Run one command; an error of ours is printed as one line and exits with 1."""
    chosen = _parser().parse_args(arguments)
    if isinstance(sys.stdout, TextIOWrapper):
        # What the terminal cannot show is no reason to fail.
        sys.stdout.reconfigure(errors="replace")
    try:
        chosen.run(chosen)
        sys.stdout.flush()
    except VqatuneError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read it has seen enough. What is still in the buffer goes nowhere when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="vqatune",
        description="Beside `dvc repro`: profiles, scores and comparisons. Run it from the repository's root.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in (graph, measuring, questions, models):
        module.add_commands(commands)
    return parser
