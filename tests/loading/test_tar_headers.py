"""Tars that no one means well with: each is one line, at once, and never other bytes than a picture's or fewer of them."""

import io
import os
import tarfile

import pytest

from vqatune.errors import ArchiveError
from vqatune.loading.archive import find_members, read_bytes
from vqatune.loading.tar_headers import tar_members

END = bytes(2 * tarfile.BLOCKSIZE)


def header(name="a.jpg", size=0, kind=tarfile.REGTYPE, raw_size=b"") -> bytes:
    """Return a header; `raw_size` are the 12 bytes of its size."""
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    block = bytearray(member.tobuf(tarfile.USTAR_FORMAT))
    if raw_size:
        block[124:136] = raw_size
        block[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(block[:148] + b" " * 8 + block[156:]))[0]
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % tarfile.BLOCKSIZE)


def base_256(number: int) -> bytes:
    return (b"\x80" if number >= 0 else b"\xff") + (number % 256**11).to_bytes(11, "big")


def pax(*records: tuple[str, str], kind=tarfile.XHDTYPE) -> bytes:
    lines = b""
    for keyword, value in records:
        line = f" {keyword}={value}\n".encode()
        length = len(line) + len(str(len(line)))
        lines += f"{len(line) + len(str(length))}".encode() + line
    return header("pax", len(lines), kind) + padded(lines)


def sparse() -> bytes:
    block = bytearray(header("s.jpg", 512, tarfile.GNUTYPE_SPARSE))
    block[257:265] = b"ustar  \0"
    block[386:410] = b"%011o\0%011o\0" % (1024, 512)
    block[483:495] = b"%011o\0" % 2048
    block[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(block[:148] + b" " * 8 + block[156:]))[0]
    return bytes(block) + bytes(512)


GOOD = header("first.jpg", 3) + padded(b"abc")
SPARSE_1_0 = (("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "4"))
HOSTILE = {
    "base-256 size of 8 EB": (header(raw_size=base_256(2**63 - 1)), "cut or damaged"),
    "base-256 size beyond 64 bits": (header(raw_size=base_256(2**80)), "cut or damaged"),
    "negative base-256 size": (header(raw_size=base_256(-513)), "cut or damaged|not possible"),
    "small negative size": (header(raw_size=base_256(-1)), "not possible"),
    "PAX size of 19 digits": (pax(("size", "9" * 19)) + header(), "cut or damaged"),
    "PAX size of 5,000 digits": (pax(("size", "9" * 5000)) + header(), "more than 300 digits"),
    "PAX size that is no number": (pax(("size", "2e9")) + header(size=3) + padded(b"abc"), "not possible"),
    "negative PAX size": (pax(("size", "-3")) + header(size=3) + padded(b"abc"), "cut or damaged|not possible"),
    "size for all members": (pax(("size", "1"), kind=tarfile.XGLTYPE) + header(size=3) + padded(b"abc"), "not possible"),
    "GNU sparse": (sparse(), "'s.jpg' is sparse"),
    "PAX sparse 1.0": (pax(*SPARSE_1_0) + header(size=512) + padded(b"1\n0\n4\n"), "is sparse"),
    "PAX sparse 1.0 of 10^18 parts": (pax(*SPARSE_1_0) + header(size=512) + padded(b"9" * 18 + b"\n"), "cut or damaged"),
    "PAX sparse without a map": (pax(("GNU.sparse.map", "")) + header(size=3) + padded(b"abc"), "cut or damaged"),
    "PAX sparse size of no number": (pax(("GNU.sparse.realsize", "x")) + header(), "cut or damaged"),
    "member beyond the end": (header(size=10**6), "beyond the archive's end"),
    "PAX header of gigabytes": (header("pax", 2**32, tarfile.XHDTYPE), "more than 1,048,576 bytes"),
    "PAX header of negative size": (
        header("pax", kind=tarfile.XHDTYPE, raw_size=base_256(-1024)),
        "more than 1,048,576 bytes",
    ),
    "10,000 headers in a row": (pax(("path", "x")) * 10_000 + header(), "cut or damaged"),
    "number that is searched in its square": (
        header("pax", 2**19, tarfile.XHDTYPE) + b"1" * 2**19 + header(),
        "more than 300 digits",
    ),
    "many keywords for all": (
        pax(*((f"k{n}", "v") for n in range(2000)), kind=tarfile.XGLTYPE) + header(),
        "2,000 keywords",
    ),
    "part of several volumes": (header(kind=b"M"), "another volume"),
}  # fmt: skip


@pytest.mark.parametrize("first", [b"", GOOD], ids=["first", "later"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_header_that_none_writes_is_one_line(tmp_path, name, first):
    members, message = HOSTILE[name]
    path = tmp_path / "a.tar"
    path.write_bytes(first + members + END)
    message = message if first else f"{message}|is not a tar"
    with pytest.raises(ArchiveError, match=f"a.tar.*({message})") as raised:
        find_members(path)
    assert len(str(raised.value)) < 500


def test_the_same_holds_where_the_number_of_bytes_is_not_known(tmp_path):
    for members, _ in HOSTILE.values():
        content = GOOD + members + END
        with pytest.raises(ArchiveError):
            list(tar_members(io.BytesIO(content), tmp_path, None))


def test_long_names_and_what_other_programs_note_are_read(tmp_path):
    path = tmp_path / "a.tar"
    name = "/".join(["folder" * 10] * 40) + "/ä.jpg"
    for kind in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(path, "w", format=kind, pax_headers={"comment": "of git archive"}) as tar:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = 3, 1.5
            tar.addfile(member, io.BytesIO(b"abc"))
        (found,) = find_members(path).itertuples(index=False)
        assert found.name == name
        assert read_bytes(path, found.offset, found.length) == b"abc"


def test_a_hard_link_to_what_is_not_there_is_one_line(tmp_path):
    link = bytearray(header("b.jpg", kind=tarfile.LNKTYPE))
    link[157:162] = b"x.jpg"
    link[148:156] = b"%06o\0 " % tarfile.calc_chksums(bytes(link[:148] + b" " * 8 + link[156:]))[0]
    (tmp_path / "a.tar").write_bytes(GOOD + link + END)
    with pytest.raises(ArchiveError, match=r"b\.jpg is a link to x\.jpg, which is not in the archive"):
        find_members(tmp_path / "a.tar")


def test_no_more_is_read_than_a_file_has_and_a_pipe_is_not_waited_for(tmp_path):
    (tmp_path / "a.tar").write_bytes(GOOD + END)
    for length in (10**6, 2**62, 2**80):
        with pytest.raises(ArchiveError, match="ends before byte"):
            read_bytes(tmp_path / "a.tar", 512, length)
    os.mkfifo(tmp_path / "pipe.tar")
    for read in (find_members, lambda path: read_bytes(path, 0, 1)):
        with pytest.raises(ArchiveError, match="it is a pipe and no file"):
            read(tmp_path / "pipe.tar")
