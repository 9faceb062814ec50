"""The memory that opening a large image takes above the base."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

SIDES = (8900, 7180)  # 63.9 megapixels
GOAL_MB = 300
# Writing 5 resets the peak of the resident memory (proc(5)).
MEASURE = """
import json, sys
from pathlib import Path
from core.images import image_io

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1000

for path in sys.argv[1:]:
    Path("/proc/self/clear_refs").write_text("5")
    before = peak()
    size = image_io.open_picture(path).size
    print(json.dumps([path, peak() - before, size]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="this reads Linux's /proc")
def test_opening_takes_at_most_300_mb(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("1", SIDES, 1).save(tmp_path / "one bit, turned.png", exif=exif)  # 15 kB
    Image.new("I;16", SIDES, 40_000).save(tmp_path / "16 bits.png", compress_level=1)
    Image.new("RGB", SIDES, "red").save(tmp_path / "turned.jpg", exif=exif)
    Image.new("RGBA", SIDES, "red").save(tmp_path / "transparent.png", compress_level=1)
    files = sorted(str(it) for it in tmp_path.iterdir())
    command = [sys.executable, "-c", MEASURE, *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == len(files)
    for path, megabytes, size in found:
        assert megabytes <= GOAL_MB and min(size) >= min(SIDES) // 4, (path, megabytes, size)
