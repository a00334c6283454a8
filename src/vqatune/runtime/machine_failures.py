"""Failures of the machine in one line: a full disk, a folder that is not to be written to, too little memory.

Libraries raise them as errors of many types, of which some have the system's number of the error in their text alone.
"""

import errno
import re
import sqlite3

_FAILURES = {
    errno.ENOSPC: ("no space is left on the disk", "free some and run it again"),
    errno.EDQUOT: ("the disk quota is used up", "free some space and run it again"),
    errno.EFBIG: ("a file became larger than a file may be here", "raise `ulimit -f`, or use another disk"),
    errno.EROFS: ("the file system is read-only", "mount it to be written to, or work in another folder"),
    errno.EACCES: ("permission is denied", "let this user read and write there, or work in another folder"),
    errno.EPERM: ("permission is denied", "let this user read and write there, or work in another folder"),
    errno.EMFILE: ("too many files are open", "raise `ulimit -n`"),
    errno.ENFILE: ("too many files are open on this machine", "close other programs"),
    errno.EIO: ("the disk cannot be read or written", "see whether it is damaged"),
}
"""What the system's errors mean, and what to do."""
_SQLITE = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
}
_NUMBER = re.compile(r"errno[: ]+(\d+)", re.IGNORECASE)
"""Arrow's errors on files say the number in their text."""
_NUMBER_IN_RUST = re.compile(r"\(os error (\d+)\)")
"""So do those of safetensors and tokenizers, which have types of their own or none."""
_NO_MEMORY = re.compile(
    r"allocate memory|not enough memory|out of memory|bad_alloc|launch worker thread|start new thread|map segment"
    r"|without exception set|could not create a primitive$",
    re.IGNORECASE,
)
"""Errors of torch, oneDNN, Arrow, the system's linker and Python where memory is short, that for a thread's stack included."""
_NO_PICTURE = "when writing image file"
"""Pillow's error, which has no number; pictures are written into memory."""
_HIDDEN = re.compile(r"\.([^/]+)\.[0-9a-f]{8}(?=/|$)")
"""The hidden folder in which a file or folder is written (tables.atomic)."""
_LOWER = {
    "base": "model.tiny.images_per_step",
    "train": "train.max_pairs_per_step or train.images_per_step",
    "predict": "predict.max_pairs_per_step or predict.images_per_step",
}
"""What takes most of a stage's memory, by the stage."""


def describe_failure(error: BaseException, name: str) -> str | None:
    """Return what failed, where and what to do, in one line; None where it is no failure of the machine.

    `name` is that of the stage or command.
    """
    if _is_out_of_memory(error):
        stage = name.split("@")[0].removeprefix("zoo_")
        lower = f"lower {_LOWER[stage]}" if stage in _LOWER else "set VQATUNE_WORKERS to 1"
        return f"the memory is not enough: {lower}, or close other programs"
    number = _number(error)
    if number not in _FAILURES:
        return None
    meaning, remedy = _FAILURES[number]
    where = _HIDDEN.sub(r"\1", str(getattr(error, "filename", None) or ""))
    return f"{f'{where}: ' if where else ''}{meaning}: {remedy}"


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM or (error.errno is None and _NO_PICTURE in str(error))
    of_a_library = isinstance(error, RuntimeError | ImportError | SystemError) or type(
        error
    ).__module__.startswith("pyarrow")
    return of_a_library and bool(_NO_MEMORY.search(str(error)))


def _number(error: BaseException) -> int | None:
    """Return the system's number of an error, None where there is none."""
    if isinstance(error, sqlite3.Error):
        # The lower byte is the kind of error, the others say more about it.
        return _SQLITE.get((getattr(error, "sqlite_errorcode", None) or 0) & 0xFF)
    if isinstance(error, OSError) and error.errno:
        return error.errno
    found = _NUMBER_IN_RUST.search(str(error)) or (isinstance(error, OSError) and _NUMBER.search(str(error)))
    return int(found[1]) if found else None
