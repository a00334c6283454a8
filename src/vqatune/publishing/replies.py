"""Moving replies between machines: `vqatune replies export` and `vqatune replies import`.

A file of replies is JSON Lines, gzipped or not: a reply per line, in the order of their keys, the same bytes for the
same replies. Equal replies are stored once, so files may be imported in any order, and repeatedly.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any

from vqatune.errors import DataError
from vqatune.generation.replies.store import REPLIES, ReplyStore, StoredReply, open_existing
from vqatune.runtime.progress import track
from vqatune.tables import replacing

_AT_ONCE = 2000
_MOST = 2**63
"""SQLite's integers are below this."""
_NAMES = ("provider", "model", "prompt")
_surrogate = re.compile("[\ud800-\udfff]")


def export_replies(
    file: Path,
    provider: str | None = None,
    model: str | None = None,
    product_types: Sequence[str] = (),
    path: Path = REPLIES,
) -> int:
    """Write the replies, all or those of a provider, a model and some product types; return how many.

    Args:
        file: a new file that ends in .jsonl.gz or .jsonl; written whole or not at all.
        provider: the family that is stored with the replies: 'gemini' also for gemini_legacy and gemini_batch.
        model: the model's name.
        product_types: none for all.
        path: the store; other processes may write to it meanwhile.

    Raises:
        DataError: there is no store or no such reply, or the file exists or cannot be written.
    """
    if not file.name.endswith((".jsonl.gz", ".jsonl")):
        raise DataError(f"{file}: replies are written as JSON Lines: call it .jsonl.gz, or .jsonl")
    wanted = {"provider": provider, "model": model}
    with open_existing(path) as store:
        abouts = {about: json.loads(about) for about in store.totals()}
        chosen = {
            about
            for about, names in abouts.items()
            if all(value is None or names.get(name) == value for name, value in wanted.items())
        }
        replies = (
            reply
            for reply in track(store.everything(), "exporting replies")
            if reply.about in chosen and (not product_types or reply.product_type in product_types)
        )
        count = 0
        try:
            if file.exists():
                raise DataError(f"{file} exists: name another file, or remove it")
            with replacing(file) as temporary:
                with _writing(temporary, packed=file.name.endswith(".gz")) as lines:
                    for reply in replies:
                        lines.write(_line(reply, abouts[reply.about]))
                        count += 1
                if not count:
                    raise DataError(f"{path} holds no such reply; it has {_kept(store)}")
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"{file} cannot be written ({reason}): name a place with room for it") from error
    return count


def import_replies(files: Sequence[Path], path: Path = REPLIES) -> list[tuple[int, int]]:
    """Add the replies of exported files; return for each file the number of its replies and of new ones.

    Every file is read to its end before any reply is added. A running generation is not disturbed.

    Raises DataError where a file is missing, damaged, cut or holds anything else (nothing is added then), or where
    replies cannot be kept.
    """
    counts = [sum(1 for _ in track(_replies(file), f"checking {file.name}")) for file in files]
    for file, count in zip(files, counts, strict=True):
        if not count:
            raise DataError(f"{file} holds no reply: export it again")
    added = []
    with ReplyStore(path) as store:
        for file, count in zip(files, counts, strict=True):
            replies = track(_replies(file), f"importing {file.name}", total=count)
            new = 0
            while some := list(islice(replies, _AT_ONCE)):
                new += store.add(some)
            added.append((count, new))
    return added


@contextmanager
def _writing(path: Path, packed: bool) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        if packed:
            # Without name and time, so that the bytes depend on the replies alone.
            with gzip.GzipFile("", "wb", compresslevel=6, fileobj=file, mtime=0) as lines:
                yield lines
        else:
            yield file


def _line(reply: StoredReply, about: dict[str, Any]) -> bytes:
    record = {
        "key": reply.key.hex(),
        "number": reply.number,
        "image_id": reply.image_id,
        "product_type": reply.product_type,
        "about": about,
        "reply": reply.reply,
    }
    # ASCII: a reply may hold a lone surrogate, which only an escape can represent.
    return json.dumps(record, separators=(",", ":")).encode("ascii") + b"\n"


def _kept(store: ReplyStore) -> str:
    names = sorted(
        {
            " ".join(str(json.loads(about).get(name, "?")) for name in ("provider", "model"))
            for about, (replies, _) in store.totals().items()
            if replies
        }
    )
    return f"replies of {', '.join(names)}" if names else "none at all"


def _replies(file: Path) -> Iterator[StoredReply]:
    """Yield the replies of a file; raises DataError where it is damaged or holds anything else."""
    try:
        with file.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.GzipFile(fileobj=raw) if packed else raw as lines:
                for number, line in enumerate(lines, start=1):
                    if line.strip():
                        yield _reply(line, f"{file}:{number}")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{file} is damaged or cut off ({error}): get it again") from error
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror or error}): name another file") from error


def _reply(line: bytes, where: str) -> StoredReply:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON ({error}): get the file again") from error
    if not isinstance(record, dict):
        raise DataError(f"{where} is no reply but {type(record).__name__}: get the file again")
    key, number, about = (record.get(name) for name in ("key", "number", "about"))
    wrong = {
        "key is not 32 hex digits": not (isinstance(key, str) and re.fullmatch("[0-9a-fA-F]{32}", key)),
        "number is not a whole number from 1 on": type(number) is not int or not 0 < number < _MOST,
        "image_id is no text": not _is_text(record.get("image_id")),
        "product_type is no text": not _is_text(record.get("product_type")),
        "about does not name provider, model and prompt": not isinstance(about, dict)
        or not all(isinstance(about.get(name), str) for name in _NAMES),
        "reply is no object": not isinstance(record.get("reply"), dict),
    }
    if problem := next((said for said, is_wrong in wrong.items() if is_wrong), None):
        raise DataError(f"{where}: {problem}: a line of `vqatune replies export` belongs here")
    # As usage.reply_settings writes it, so that equal settings are equal texts.
    said = json.dumps(about, sort_keys=True)
    return StoredReply(
        bytes.fromhex(key), number, record["image_id"], record["product_type"], said, record["reply"]
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not _surrogate.search(value)
