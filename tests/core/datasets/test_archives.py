"""Archives that are damaged or made to fail."""

import io
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.datasets import archives, sources
from core.errors import BadPicture, ExplorerError

buffer = io.BytesIO()
Image.new("RGB", (20, 10), "red").save(buffer, "PNG")
PNG = buffer.getvalue()


def zipped(path: Path, files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path: Path, members: dict[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for member, content in members.items():
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str, size: int = len(PNG), kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.size, made.type = size, kind
    return made


@pytest.mark.parametrize("name", ["../1.png", "/1.png", "a/../../1.png", "a\\..\\..\\1.png"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out_are_refused(tmp_path: Path, kind: str, name: str) -> None:
    files = {"ok.png": PNG, name: PNG}
    path = tmp_path / f"x.{kind}"
    if kind == "zip":
        zipped(path, files)
    else:
        tarred(path, {member(it): content for it, content in files.items()})
    source = sources.find_source(str(path))
    opened, refused = source.entries()
    assert source.open(opened)[1] == (10, 20)
    with pytest.raises(BadPicture, match="leads out of"):
        source.open(refused)


def test_links_and_devices_in_a_tar_are_left_out(tmp_path: Path) -> None:
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE)
    members = {member(f"{it!r}.png", 0, it): b"" for it in kinds}
    for each in members:
        each.linkname = "/etc/passwd"
    path = tarred(tmp_path / "x.tar", {**members, member("1.png"): PNG})
    assert [it.name for it in sources.find_source(str(path)).entries()] == ["1.png"]


def test_a_size_that_is_told_is_refused_before_it_is_read(tmp_path: Path) -> None:
    tar = tmp_path / "x.tar"
    tar.write_bytes(member("1.png", 10**12).tobuf() + PNG)
    source = sources.find_source(str(tar))
    with pytest.raises(BadPicture, match=r"1,000,000,000,000 bytes; at most 64 megabytes"):
        source.open(next(iter(source.entries())))
    content = bytearray(zipped(tmp_path / "x.zip", {"1.png": PNG}).read_bytes())
    at = content.index(b"PK\1\2")
    content[at + 24 : at + 28] = struct.pack("<I", 64_000_001)
    (tmp_path / "x.zip").write_bytes(content)
    source = sources.find_source(str(tmp_path / "x.zip"))
    with pytest.raises(BadPicture, match="64,000,001 bytes; at most 64 megabytes"):
        source.open(next(iter(source.entries())))


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compressions_are_refused(tmp_path: Path, how: int) -> None:
    source = sources.find_source(str(zipped(tmp_path / "x.zip", {"1.png": PNG}, how)))
    with pytest.raises(BadPicture, match=r"1\.png is packed in an unusual way; unpack it first"):
        source.open(source.find("1.png"))


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{it}.png": b"" for it in range(40)}
    path = zipped(tmp_path / "x.zip", files)
    tar = tarred(tmp_path / "x.tar", {member(it, 0): b"" for it in files})
    monkeypatch.setattr(archives, "MAX_MEMBERS", 39)
    for each in (path, tar):
        with pytest.raises(ExplorerError, match="has more than 39 files; divide it"):
            list(sources.find_source(str(each)).entries())
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", 40 * 46)
    monkeypatch.setattr(zipfile, "ZipFile", lambda _: pytest.fail("the directory was read"))
    for comment in (b"", b"x" * 2**16, b"PK\5\6" + bytes(30)):
        content = path.read_bytes()
        end = content.rindex(b"PK\5\6")
        content = content[: end + 20] + struct.pack("<H", len(comment) & 0xFFFF) + comment
        (tmp_path / "y.zip").write_bytes(content)
        if zipfile.is_zipfile(tmp_path / "y.zip") and not comment.startswith(b"PK"):
            with pytest.raises(ExplorerError, match="has too many files for a zip; unpack it"):
                sources.find_source(str(tmp_path / "y.zip"))


def test_the_directory_of_a_large_zip_is_measured(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"1.png": PNG})
    content = path.read_bytes()
    end = content.rindex(b"PK\5\6")
    wide = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, 10**9, 0)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    path.write_bytes(content[:end] + wide + locator + content[end:])
    with pytest.raises(ExplorerError, match="has too many files for a zip"):
        sources.find_source(str(path))


def test_a_tar_that_would_never_end_is_refused(tmp_path: Path) -> None:
    header = bytearray(member("1.png").tobuf())
    header[124:136] = b"\xff" * 10 + b"\xfc\x00"  # -1,024 in base 256: back to this header
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    path = tmp_path / "x.tar"
    path.write_bytes(bytes(header) + bytes(2048))
    with pytest.raises(ExplorerError, match=r"is damaged|is neither a folder, a zip"):
        list(sources.find_source(str(path)).entries())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["zip", "tar"]), st.integers(0, 4000), st.binary(min_size=1, max_size=12))
def test_damaged_archives_raise_one_kind_of_error(
    tmp_path_factory: pytest.TempPathFactory, kind: str, at: int, damage: bytes
) -> None:
    path = tmp_path_factory.mktemp("damaged") / f"x.{kind}"
    files = {f"{it}.png": PNG for it in range(2)}
    if kind == "zip":
        zipped(path, files)
    else:
        tarred(path, {member(it): content for it, content in files.items()})
    content = path.read_bytes()
    at %= len(content)
    path.write_bytes(content[:at] + damage + content[at + len(damage) :])
    try:
        source = sources.find_source(str(path))
        entries = list(source.entries())
    except ExplorerError:
        return
    for entry in entries:
        try:
            source.label(entry.name)
            assert source.open(entry)[0].mode == "RGB"
        except BadPicture:
            continue
