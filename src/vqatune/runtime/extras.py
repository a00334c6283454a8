"""Packages that only some uses need: the extras of pyproject.toml, and the error that names a missing one."""

from collections.abc import Iterator
from contextlib import contextmanager

from vqatune.errors import MissingExtraError

EXTRAS = {
    "aiohttp": "gemini",
    "google.genai": "gemini",
    "google.ai": "gemini-legacy",
    "google.generativeai": "gemini-legacy",
    "openai": "openai",
    "altair": "report",
    "matplotlib": "report",
    "vl_convert": "report",
    "dvc": "pipeline",
    "dvclive": "pipeline",
    "voluptuous": "pipeline",
    "fastapi": "demo",
    "gradio": "demo",
    "python_multipart": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "tensorboardX": "tensorboard",
    "openpyxl": "xlsx",
    "bitsandbytes": "quantization",
    "datasets": "datasets",
}
"""The extra of each module that the core installation may be without."""


@contextmanager
def naming_extras(extra: str | None = None) -> Iterator[None]:
    """Turn the failed import of an extra's module into an error that says what to install.

    Args:
        extra: the extra that the imports belong to, where a module does not tell: without any of Google's packages the
            module that is missing is called `google`.

    Raises:
        MissingExtraError: a module of an extra is not installed. Other failed imports pass through.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        module = error.name or ""
        needed = extra or next((EXTRAS[name] for name in EXTRAS if f"{module}.".startswith(f"{name}.")), None)
        if needed is None:
            raise
        raise MissingExtraError(f"{module} is not installed: pip install 'vqatune[{needed}]'") from error
