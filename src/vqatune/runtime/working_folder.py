"""The folder in `.work/` in which a stage leaves the parts that are done, until all of them are."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from vqatune.params import Section
from vqatune.runtime.code import digest_code
from vqatune.runtime.fingerprints import digest_states, make_key

_LIBRARIES = ("numpy", "pandas", "pillow", "pyarrow")


@contextmanager
def working_folder(
    folder: Path, module: str, params: Sequence[Section | int | str], *inputs: Path | str
) -> Iterator[Path]:
    """Give a folder that goes when the block ends well; if not, the same work finds it again.

    The same work has the same parameters, code and inputs; these are told by size and time of change, not read.

    Args:
        folder: a subfolder of it is given; others of it are removed, as they are of other work.
        module: the module that does the work: its import closure is the code.
        params: the parameters.
        inputs: the files and folders that are read.
    """
    values = [each.model_dump(mode="json") if isinstance(each, Section) else each for each in params]
    key = make_key(
        code=digest_code(module, libraries=_LIBRARIES), params=values, inputs=digest_states(map(Path, inputs))
    )
    own = folder / key
    for other in folder.glob("*"):
        if other != own:
            shutil.rmtree(other, ignore_errors=True)
    own.mkdir(parents=True, exist_ok=True)
    yield own
    # Under another name, at once: of what a kill leaves half removed, nothing is taken for done.
    own.rename(folder / f"{key}.ended")
    shutil.rmtree(folder, ignore_errors=True)
