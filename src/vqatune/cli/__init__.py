"""The `vqatune` command: everything beside the stage graph, a module a command.

A module has `add_arguments(parser)` and `run(arguments)`. It is imported when its command is chosen, so that one
command does not wait for the imports of another.
"""

import argparse
import importlib
import os
import sys
from io import TextIOWrapper
from pathlib import Path

from vqatune.errors import VqatuneError
from vqatune.runtime.arithmetic import choose_arithmetic
from vqatune.runtime.extras import naming_extras
from vqatune.runtime.interrupt import Signalled, exit_at_once, handling_signals, unwind
from vqatune.runtime.logs import configure
from vqatune.runtime.machine_failures import describe_failure
from vqatune.runtime.output import say

COMMANDS = {
    "profile": "set params.yaml for a purpose: showroom, abo, blip",
    "use": "look at your own pictures and set params.yaml for them",
    "table": "print the scores of all versions",
    "zoo": "print the scores of the zoo's models, and what they take",
    "timings": "print the seconds and the peak memory of the stages' last runs here",
    "estimate": "print what the model's replies that are missing will take: requests, tokens, dollars, hours",
    "pilot": "ask the model about a few images, keep its replies, and show them with their pairs as a page",
    "pairs": "print the numbers of pairs dropped by each check, and the distribution of the kept ones; show pairs as a page; compare two generators",
    "review": "serve a local page for people to review pairs; statistics of reviews, Label Studio",
    "report": "build the report page with this run's commit, machine, time and packages",
    "score": "score a file of predictions and references",
    "compare": "compare versions, of this checkout or of others, or files of predictions",
    "calibrate": "fit the temperature that makes a version's probabilities shares of right answers, for --abstain-below",
    "export-qa": "write the checked question-answer pairs for use elsewhere",
    "replies": "models' replies: move them between machines, count them",
    "ask": "ask a version about an image",
    "answer": "answer a file of questions",
    "demo": "serve a local page for asking versions about an image, two at a time",
    "serve": "answer questions about pictures over HTTP, as /ask and in OpenAI's form",
    "export": "write a version as a checkpoint of its own, with a model card",
    "publish": "prepare a version's adapter and dataset, with cards, for the Hugging Face hub, and upload them with --upload",
}
"""Each command and its help; its module has the same name, with underscores."""

DESCRIPTIONS = {
    "ask": "Ask a version, or several, about an image or the images in a folder.",
    "answer": "Answer a CSV of questions about images. Its rows are written, in their order, with an answer and "
    "its probability added. Stopped in any way and started again, it resumes. It is fastest "
    "where the questions about an image follow each other.",
}
"""The beginning of a command's --help, where the line in the list is not enough."""


def main(arguments: list[str] | None = None) -> None:
    """Run one command; an error of ours or a failure of the machine is printed as one line and exits with 1."""
    choose_arithmetic()
    configure()
    arguments = sys.argv[1:] if arguments is None else arguments
    if isinstance(sys.stdout, TextIOWrapper):
        # Characters that the terminal cannot show are no reason to fail.
        sys.stdout.reconfigure(errors="replace")
    try:
        with naming_extras():
            with handling_signals(exit_at_once("stopped")):
                chosen = make_parser(arguments).parse_args(arguments)
            with handling_signals(unwind):
                chosen.run(chosen)
        sys.stdout.flush()
    except VqatuneError as error:
        say(f"error: {error}{_elsewhere()}", error=True)
        sys.exit(1)
    except KeyboardInterrupt as interrupt:
        say("stopped", error=True)
        sys.exit(interrupt.status if isinstance(interrupt, Signalled) else 130)
    except BrokenPipeError:
        # The reader has closed the pipe: discard what is in the buffer when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        failure = describe_failure(error, "".join(arguments[:1]))
        if failure is None:
            raise
        say(f"error: {failure}", error=True)
        sys.exit(1)


def _elsewhere() -> str:
    """Return a hint where the current folder is below the repository's root, which most commands read; '' at the root."""
    here = Path.cwd()
    if (here / "params.yaml").exists():
        return ""
    root = next(
        (each for each in here.parents if (each / "params.yaml").exists() and (each / "dvc.yaml").exists()),
        None,
    )
    return f" (this folder is below {root}, the root of the repository: run it there)" if root else ""


def make_parser(arguments: list[str]) -> argparse.ArgumentParser:
    """Return the parser of all commands, with the arguments of the one that is chosen."""
    parser = argparse.ArgumentParser(
        prog="vqatune",
        description="Commands beside `dvc repro`: scores, comparisons, inference, demo, publishing. Most read the repository in the "
        "current folder.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    chosen = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, help in COMMANDS.items():
        command = commands.add_parser(name, help=help, description=DESCRIPTIONS.get(name))
        if name == chosen:
            module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser
