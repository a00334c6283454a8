"""`vqatune serve`: answer questions about pictures over HTTP."""

import argparse
from importlib import import_module

from vqatune.cli.abstain_argument import add_abstain_argument, chosen_abstaining
from vqatune.cli.model_arguments import add_model_arguments, add_version_argument
from vqatune.cli.server_arguments import add_listening_arguments, count, seconds
from vqatune.inference.answering.settings import choose_version, own_settings
from vqatune.runtime.extras import naming_extras
from vqatune.serving.limits import PORT, Limits


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    limits = Limits()
    add_version_argument(parser)
    add_model_arguments(parser)
    add_abstain_argument(parser)
    add_listening_arguments(parser, PORT)
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=seconds,
        default=limits.seconds,
        help=f"the longest that a request is received, and that it waits (default: {limits.seconds:g})",
    )
    parser.add_argument(
        "--queue",
        metavar="N",
        type=count,
        default=limits.queue,
        help=f"requests that may wait; more get 429 (default: {limits.queue})",
    )
    parser.add_argument(
        "--questions",
        metavar="N",
        type=count,
        default=limits.questions,
        help=f"the most questions of a request (default: {limits.questions})",
    )
    parser.add_argument(
        "--grace",
        metavar="SECONDS",
        type=seconds,
        default=limits.grace,
        help=f"time to answer what waits when the server is ended (default: {limits.grace:g})",
    )


def run(chosen: argparse.Namespace) -> None:
    """Serve until Ctrl-C or SIGTERM."""
    with naming_extras("serve"):
        # Otherwise missed when the first form comes.
        import_module("python_multipart")
        from vqatune.serving.server import serve
    limits = Limits(chosen.timeout, chosen.queue, chosen.questions, chosen.grace)
    settings = own_settings(chosen.device, chosen.quantization)
    abstaining = None
    if chosen.abstain_below is not None:
        version, _ = choose_version(chosen.models, chosen.version)
        abstaining = chosen_abstaining(chosen.abstain_below, version, chosen.models)
    serve(chosen.models, chosen.version, settings, limits, chosen.host, chosen.port, chosen.token, abstaining)
