"""What has to be the same on every machine of a cluster, as the bytes of results depend on it."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from vqatune.runtime.code import digest_package

_PACKAGES = ("numpy", "pandas", "pyarrow", "pillow", "torch")
"""The first parts of files that they write hold their versions, and others decode and compute."""
_NONE = "none"


@cache
def versions_here() -> dict[str, str]:
    """Return the versions of Python and of the packages that decide bytes, and the digest of this package's code."""
    found = {"python": platform.python_version(), "vqatune's code": digest_package()[:12]}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = _NONE
    return found


def describe_differences(driver: dict[str, str], node: dict[str, str]) -> str | None:
    """Return what differs between the driver's versions and a node's, in words; None where nothing does."""
    different = [
        f"{name} is {node.get(name, _NONE)} there and {here} here"
        for name, here in driver.items()
        if node.get(name) != here
    ]
    return ", ".join(different) or None
