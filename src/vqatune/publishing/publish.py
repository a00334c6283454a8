"""`vqatune publish`: prepare the folders of a version and its dataset for upload."""

from dataclasses import asdict, dataclass
from pathlib import Path

from vqatune.errors import ArchiveError, DataError
from vqatune.params import BASE, BLIND
from vqatune.publishing.cards.dataset import Origin, dataset_card, gather_origin
from vqatune.publishing.cards.sections import Facts
from vqatune.publishing.dataset import SPLITS, write_dataset
from vqatune.publishing.model import model_facts, write_model
from vqatune.publishing.prepared import CARD, prepare_part
from vqatune.publishing.request import Request
from vqatune.runtime.code import digest_code
from vqatune.runtime.fingerprints import digest_contents, digest_folder, make_key
from vqatune.runtime.locks import LOCKS, only_one
from vqatune.tables import SAMPLED, read_table, table_parts


@dataclass(frozen=True)
class Part:
    """A folder that is ready for a repository of the hub."""

    kind: str
    """As the hub says: model or dataset."""
    repo: str
    folder: Path
    new: bool
    """Whether it was written now, and not before."""


def prepare(request: Request, folder: Path, root: Path = Path()) -> list[Part]:
    """Write the folders `model` and `dataset` that a request asks for, each whole or not at all.

    What was prepared before from the same inputs is left as it is, so that a card may be edited by hand.

    Args:
        request: what is published, where.
        folder: gets them.
        root: the repository, whose models, metrics, data, params.yaml and dvc.lock are read.

    Returns:
        The parts, the model last, whose card names the dataset.

    Raises:
        ParameterError: a repository's or a licence's name is not valid, or params.yaml is needed and is not.
        ModelError: there is no such version, or it is damaged or does not belong to its base model.
        DataError, ArchiveError: a table or an archive is missing or damaged; a folder is taken or cannot be written.
    """
    request.check()
    _check_place(folder, root)
    facts = model_facts(request.version, root)
    parts = []
    running = "`vqatune publish` is already running here: wait for it, or stop that process"
    with only_one(root / LOCKS / "publish.lock", running):
        if request.with_dataset:
            origin, part = gather_origin(root), folder / "dataset"
            key = _dataset_key(origin, request, root)
            new = prepare_part(part, key, lambda empty: _write_dataset(empty, origin, request, root))
            parts.append(Part("dataset", request.dataset, part, new))
        part, key = folder / "model", _model_key(facts, request, root)
        new = prepare_part(part, key, lambda empty: write_model(empty, facts, request, root))
    return [*parts, Part("model", request.repo, part, new)]


def _check_place(folder: Path, root: Path) -> None:
    """Raise DataError where DVC would take a prepared folder for a change of a stage's output."""
    for name in ("data", "models", "metrics"):
        if folder.resolve().is_relative_to((root / name).resolve()):
            raise DataError(
                f"{folder} lies in {root / name}, which is for what the stages write: name another place with --folder"
            )


def _write_dataset(folder: Path, origin: Origin, request: Request, root: Path) -> None:
    written = write_dataset(folder, root)
    card = dataset_card(written, origin, request.dataset, request.data_license)
    (folder / CARD).write_text(card, encoding="utf-8")


def _dataset_key(origin: Origin, request: Request, root: Path) -> str:
    tables = [f"data/{name}.parquet" for name in (*SPLITS, "sampled")]
    return make_key(
        repo=request.dataset,
        license=request.data_license,
        origin=asdict(origin),
        tables=_digest(tables, root),
        archives=_archives(root),
        code=digest_code(
            "vqatune.publishing.dataset", "vqatune.publishing.cards.dataset", libraries=("pyarrow",)
        ),
    )


def _archives(root: Path) -> list[list[str | int]]:
    """Return archives' sizes and times, which identify them without reading: that would take as long as to publish them."""
    identities = []
    for name in sorted(
        read_table(root / "data" / "sampled.parquet", SAMPLED, ["archive"])["archive"].unique()
    ):
        try:
            status = (root / name).stat()
        except OSError as error:
            raise ArchiveError(f"{root / name} does not exist: run `dvc repro raw` or `dvc pull`") from error
        identities.append([name, status.st_size, status.st_mtime_ns])
    return identities


def _model_key(facts: Facts, request: Request, root: Path) -> str:
    numbers = range(1, len(facts.batches) + 1)
    files = [f"metrics/{name}.json" for name in (BLIND, BASE, *(f"v{number}" for number in numbers))]
    files += [
        f"metrics/{kind}/{name}.csv"
        for kind in ("intervals", "by")
        for name in (BLIND, BASE, request.version)
    ]
    files += [f"data/batches/{number:02}.parquet" for number in numbers]
    files += ["metrics/data/batches.csv", "metrics/history.csv"]
    return make_key(
        request=asdict(request),
        chain=[asdict(position) for position in facts.chain],
        parameters=[facts.base, facts.train],
        adapter=digest_folder(root / "models" / request.version),
        files=_digest(files, root),
        code=digest_code("vqatune.publishing.model", libraries=("peft",)),
    )


def _digest(names: list[str], root: Path) -> str:
    here = [name for name in names if (root / name).exists()]
    files = [file for name in here for file in _files(root / name)]
    return digest_contents([*(name.encode() for name in here), *(file.read_bytes() for file in files)])


def _files(path: Path) -> list[Path]:
    """Return a file, or those of a table of parts."""
    return table_parts(path) if path.is_dir() else [path]
