"""Image collections: their entries, opening of images, and invalid files and names."""

import io
import json
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.datasets import image_source, sources
from core.errors import BadPicture, ExplorerError, UnknownName
from core.images import image_io
from core.index import build, reader
from core.networks.network import Network
from core.sketchworld.world import CLASSES, draw
from tests.core.picture_folders import fill, photograph


def encoded(picture: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def bomb(side: int = 40_000) -> bytes:
    """Return a PNG of a few bytes whose header says that it has side x side pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


def messy(folder: Path) -> tuple[dict[str, tuple[int, int, int]], set[str]]:
    """Fill a folder; return the central colours of valid images, and the names of invalid files."""
    red = Image.new("RGB", (60, 40), (250, 10, 10))
    half = red.copy()
    half.paste((10, 10, 250), (0, 0, 60, 20))  # blue above red
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    grey = Image.fromarray(np.full((40, 60), 0x8000, np.uint16))
    clear = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    frames = [Image.new("RGB", (60, 40), it) for it in ("lime", "blue")]
    noise = Image.effect_noise((200, 150), 60).convert("RGB")
    truncated = encoded(noise, "JPEG")
    good: dict[str, tuple[bytes, tuple[int, int, int]]] = {
        "plain.jpg": (encoded(red, "JPEG"), (250, 10, 10)),
        "turned.jpg": (encoded(half, "JPEG", exif=exif), (10, 10, 250)),
        "cmyk.jpg": (encoded(Image.new("CMYK", (60, 40), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
        "deep.png": (encoded(grey), (128, 128, 128)),
        "palette.png": (encoded(red.quantize(4)), (250, 10, 10)),
        "moving.gif": (
            encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]),
            (0, 255, 0),
        ),
        "clear.png": (encoded(clear), (255, 255, 255)),
        "really_a_png.jpg": (encoded(red), (250, 10, 10)),
        "no_ending": (encoded(red, "WEBP", lossless=True), (250, 10, 10)),
    }
    bad = {
        "truncated.jpg": truncated[: len(truncated) // 2],
        "empty.jpg": b"",
        "bomb.png": bomb(),
        "notes.txt": b"no picture at all",
    }
    for name, content in {**{it: found[0] for it, found in good.items()}, **bad}.items():
        (folder / name).write_bytes(content)
    (folder / ".hidden.jpg").write_bytes(b"")
    return {name: colour for name, (_, colour) in good.items()}, set(bad)


def test_a_messy_folder_is_indexed_and_what_was_skipped_is_told(
    tmp_path: Path, tiny: Network
) -> None:
    good, bad = messy(tmp_path)
    source = sources.find_source(str(tmp_path))
    listed = [entry.name for entry in source.entries()]
    assert set(listed) == set(good) | bad and listed == sorted(listed)
    for name, colour in good.items():
        picture, size = source.open(source.find(name))
        assert size == (40, 60) and picture.mode == "RGB"
        # The lower third, where the rotated image is blue.
        assert np.abs(np.subtract(picture.getpixel((30, 30)), colour)).max() <= 12, name
    plan = build.plan_index(tiny, source)
    out = tmp_path.parent / f"{tmp_path.name}.index"
    tally = build.open_accumulator(plan, source, out)
    list(build.build_index(tiny, source, tally, out, workers=2, batch=3))
    index = reader.open_index(out)
    assert index.count == len(good) and set(index.skipped) == bad
    assert "more than 64 megapixels" in index.skipped["bomb.png"]
    assert "truncated" in index.skipped["truncated.jpg"]
    assert all(name in why for name, why in index.skipped.items())
    # A resumed index adds repaired files, and still reports broken ones.
    (tmp_path / "empty.jpg").write_bytes(encoded(photograph(3)))
    tally = build.open_accumulator(plan, source, out, resume=True)
    list(build.build_index(tiny, source, tally, out))
    assert reader.open_index(out).count == len(good) + 1
    assert set(reader.open_index(out).skipped) == bad - {"empty.jpg"}


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("n01484850_great_white_shark.jpg", "great white shark"),
        ("n01484850_great_white_shark/0007.jpg", "great white shark"),
        ("train/dogs/17.png", "dogs"),
        ("17.png", ""),
    ],
)
def test_labels_are_read_from_names(name: str, label: str) -> None:
    assert image_source.word_label(name) == label


def test_drawings_are_those_of_the_world() -> None:
    source = sources.find_source("sketchworld:12:7")
    assert [entry.name for entry in source.entries()] == [str(it) for it in range(12)]
    picture, size = source.open(source.find("5"))
    assert np.array_equal(np.asarray(picture), draw(7, 5).image) and size == (64, 64)
    assert source.label("5") == CLASSES[draw(7, 5).label]
    assert sources.find_source(source.text).identity == source.identity
    # More drawings of the same world are the same collection.
    assert sources.find_source("sketchworld:90:7").identity == source.identity
    assert sources.find_source("sketchworld:12").identity != source.identity
    with pytest.raises(BadPicture, match="no drawing 12 among the first 12"):
        source.find("12")
    for text in ("sketchworld:", "sketchworld:0", "sketchworld:9:x"):
        with pytest.raises(ExplorerError, match="must be a whole number"):
            sources.find_source(text)


def test_a_torchvision_dataset_is_taken_by_its_name() -> None:
    source = sources.find_source("torchvision:FakeData")
    first = next(iter(source.entries()))
    picture, size = source.open(first)
    assert first.name == "0" and picture.mode == "RGB" and size == (224, 224)
    assert source.label("0").isdecimal()
    with pytest.raises(UnknownName, match="did you mean 'CIFAR10'"):
        sources.find_source("torchvision:CIFAR1O")


@pytest.fixture
def webdataset(tmp_path: Path) -> Path:
    files = {}
    for number in range(3):
        files[f"train/{number:04}.jpg"] = encoded(photograph(number), "JPEG")
        files[f"train/{number:04}.cls"] = str(number + 7).encode()
        files[f"train/{number:04}.json"] = json.dumps({"no": number}).encode()
    path = tmp_path / "shard.tar"
    with tarfile.open(path, "w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    with zipfile.ZipFile(tmp_path / "photos.zip", "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return path


@pytest.mark.parametrize("file", ["shard.tar", "photos.zip"])
def test_archives_are_read_in_place(webdataset: Path, file: str) -> None:
    source = sources.find_source(str(webdataset.with_name(file)))
    listed = list(source.entries())
    assert [it.name for it in listed] == [f"train/{it:04}.jpg" for it in range(3)]
    for number, entry in enumerate(listed):
        expected = image_io.open_picture(encoded(photograph(number), "JPEG"))
        assert np.array_equal(np.asarray(source.open(entry)[0]), np.asarray(expected))
        assert source.find(entry.name) == entry
        assert source.label(entry.name) == str(number + 7)
    with pytest.raises(BadPicture, match=r"no train/9\.jpg"):
        source.find("train/9.jpg")


def test_an_archive_may_be_damaged(webdataset: Path) -> None:
    content = webdataset.with_name("photos.zip").read_bytes()
    at = content.index(b"train/0001.jpg") + 200
    broken = webdataset.with_name("broken.zip")
    broken.write_bytes(content[:at] + bytes(50) + content[at + 50 :])
    source = sources.find_source(str(broken))
    with pytest.raises(BadPicture, match=r"train/0001\.jpg cannot be"):
        source.open(source.find("train/0001.jpg"))
    (webdataset.with_name("no.zip")).write_bytes(b"nothing")
    with pytest.raises(ExplorerError, match="neither a folder, a zip nor an uncompressed tar"):
        sources.find_source(str(webdataset.with_name("no.zip")))


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExplorerError, match="there is no folder or archive nowhere"):
        sources.find_source("nowhere")
    source = sources.find_source(str(fill(tmp_path / "some", 3)))
    with pytest.raises(BadPicture, match="any more"):
        source.find("gone.jpg")
