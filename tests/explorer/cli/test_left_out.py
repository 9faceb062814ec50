"""What commands say of pictures of a collection that cannot be opened."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.datasets import samples
from explorer.cli import cli
from explorer.cli.command_io import LEFT_OUT_SHOWN

MORE = 2


@pytest.mark.parametrize("command", [("circuit", "--depth", "1"), ("ablate",)])
def test_the_first_ones_are_named_and_the_others_counted(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    samples.picture("cat").resize((96, 64)).save(folder / "cat.png")
    for at in range(LEFT_OUT_SHOWN + MORE):
        (folder / f"broken {at}.png").write_bytes(b"no picture")
    name, *options = command
    place = (name, "sketchnet", "relu5b", "79", "--images", str(folder), *options)
    done = CliRunner().invoke(cli, place, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    named = [line for line in done.stderr.splitlines() if line.startswith("left out: broken ")]
    assert len(named) == LEFT_OUT_SHOWN
    assert f"and {MORE} more" in done.stderr
