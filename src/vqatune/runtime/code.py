"""The import closure of a module: the modules of this package that it imports, directly or through others.

The stage graph and the keys of work in progress depend on code by this rule, so that an edit repeats what it may
change and nothing else.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent

WITHOUT_EFFECT = ("vqatune.errors", "vqatune.params", "vqatune.runtime")
"""Modules that decide no result: the messages of errors, parameters (whose values are recorded), and what surrounds a
computation. Neither stages nor keys depend on their code."""


def import_closure(*modules: str) -> set[Path]:
    """Return the files of the modules and of all that they import of this package, at the top or in functions.

    Files that are no Python lie beside the modules that read them, or in a folder there, and count with them.

    A module is named as it is imported: "vqatune.training.loop". A package that is only on the way to a module is no
    part of it, nor is what WITHOUT_EFFECT names, nor imports for type checking. Of a package that loads its modules by
    name (`importlib.import_module`) all modules count.
    """
    found: set[Path] = set()
    waiting = [file_of(module) for module in modules]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imports(path))
    return found | {file for folder in {path.parent for path in found} for file in _package_data(folder)}


def _package_data(folder: Path) -> list[Path]:
    inner = [path for path in folder.iterdir() if path.is_dir() and not any(path.glob("*.py"))]
    files = [path for each in (folder, *inner) if each.name != "__pycache__" for path in each.iterdir()]
    # Not what editors and file managers leave there.
    return [
        path
        for path in files
        if path.is_file() and path.suffix != ".py" and not path.name.startswith(".") and path.name[-1] != "~"
    ]


def file_of(module: str) -> Path:
    """Return the file of a module of this package; raises ValueError where there is none."""
    path = PACKAGE.joinpath(*module.split(".")[1:])
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.is_file():
            return file
    raise ValueError(f"there is no module {module}")


def imported_files(path: Path) -> set[Path]:
    """Return the import closure of a script outside of the package, without the script."""
    found: set[Path] = set()
    for file in _imports(path):
        if file not in found:
            found |= import_closure(_name_of(file))
    return found


def digest_code(*modules: str, libraries: Iterable[str] = ("torch", "transformers", "peft")) -> str:
    """Return a digest of the modules' import closure, and of the versions of the libraries that it runs on."""
    digest = hashlib.sha256()
    for library in libraries:
        digest.update(f"{library} {version(library)}\n".encode())
    for path in sorted(import_closure(*modules)):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def digest_package() -> str:
    """Return a digest of all Python files of this package."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        digest.update(f"{path.relative_to(PACKAGE)}\n".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(["vqatune", *(parts[:-1] if parts[-1] == "__init__" else parts)])


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Return the files that a file's own import statements name."""
    text = path.read_text(encoding="utf-8")
    names = set(_imported_names(ast.parse(text)))
    if "import_module(" in text:
        # A package that loads its modules by name, such as the providers.
        names |= {_name_of(other) for other in path.parent.glob("*.py") if other != path}
    kept = (name for name in names if not f"{name}.".startswith(tuple(f"{no}." for no in WITHOUT_EFFECT)))
    return frozenset(file_of(name) for name in kept)


def _imported_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):
            # Most of a file; it holds no statement.
            continue
        if isinstance(node, ast.If) and _is_for_types(node.test):
            yield from (name for other in node.orelse for name in _imported_names(other))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if f"{alias.name}.".startswith("vqatune."))
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise ValueError(f"a relative import, line {node.lineno}: name the module whole")
        elif isinstance(node, ast.ImportFrom):
            if node.module and f"{node.module}.".startswith("vqatune."):
                yield from (_module_of(node.module, alias.name) for alias in node.names)
        else:
            yield from _imported_names(node)


def _is_for_types(test: ast.expr) -> bool:
    return any(
        "TYPE_CHECKING" in (getattr(part, "id", ""), getattr(part, "attr", "")) for part in ast.walk(test)
    )


def _module_of(package: str, name: str) -> str:
    """Return what `from package import name` imports: a module where there is one of that name."""
    try:
        file_of(f"{package}.{name}")
    except ValueError:
        return package
    return f"{package}.{name}"
