"""Weights files of strangers: each is read as PyTorch would read it, or refused in one sentence."""

import io
import math
import pickletools
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save
from torch import Tensor

from core import checkpoints
from core.errors import BadCheckpoint
from tests.conftest import ROOT
from tests.core.weights_cases import (
    REFUSED,
    WRAPPINGS,
    record,
    repacked,
    saved,
    state,
    wrapped,
)

QUICK = settings(
    deadline=None,
    max_examples=60,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_break_something_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    make, words = REFUSED[name]
    path = tmp_path / "sent.bin"
    path.write_bytes(make())
    with pytest.raises(BadCheckpoint, match=words) as caught:
        checkpoints.read_checkpoint(path)
    message = str(caught.value)
    assert message.isprintable() and len(message) < 600 and "sent.bin" in message


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_a_state_dict_is_found_however_it_is_wrapped(
    wrapping: str, legacy: bool, tmp_path: Path
) -> None:
    (tmp_path / "a.ckpt").write_bytes(saved(wrapped(wrapping, state()), legacy))
    assert same(checkpoints.read_checkpoint(tmp_path / "a.ckpt")[0], state())


def test_the_format_is_found_in_the_content(tmp_path: Path) -> None:
    for name, content in (
        ("a.safetensors", saved(state())),
        ("b.pth", save(state())),
        ("c", saved(state(), legacy=True)),
    ):
        (tmp_path / name).write_bytes(content)
        assert same(checkpoints.read_checkpoint(tmp_path / name)[0], state())


def test_a_header_of_any_length_is_one_of_safetensors(tmp_path: Path) -> None:
    """Some lengths begin with the first byte of a pickle."""
    for padding in range(256):
        content = save({"w": torch.ones(2)}, {"padding": " " * padding})
        (tmp_path / "a.safetensors").write_bytes(content)
        assert list(checkpoints.read_checkpoint(tmp_path / "a.safetensors")[0]) == ["w"]


@pytest.mark.parametrize("length", [0x8B1F, 0x120808])
def test_a_header_whose_length_begins_like_another_format_is_read(
    length: int, tmp_path: Path
) -> None:
    """These are the first bytes of gzip archives and of ONNX files."""
    header = b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    content = struct.pack("<Q", length) + header.ljust(length) + bytes(8)
    (tmp_path / "a.safetensors").write_bytes(content)
    assert list(checkpoints.read_checkpoint(tmp_path / "a.safetensors")[0]) == ["w"]


FLOATING = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
DTYPES = (*FLOATING, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool)


@st.composite
def tensors(draw: st.DrawFn) -> Tensor:
    """Generate a tensor of any accepted type: empty, scalar, a view, transposed or strided."""
    shape = draw(st.lists(st.integers(0, 5), max_size=4))
    dtype = draw(st.sampled_from(DTYPES))
    base = torch.arange(2 * math.prod(shape) + 3).remainder(120).to(dtype)
    value = base[draw(st.integers(0, 3)) :][: math.prod(shape)].reshape(shape)
    if draw(st.booleans()) and len(shape) > 1:
        value = value.transpose(0, -1)
    if draw(st.booleans()) and shape:
        value = value[..., ::2]
    return torch.nn.Parameter(value) if draw(st.booleans()) and dtype.is_floating_point else value


def read(content: bytes) -> dict[str, Tensor]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sent.pth"
        path.write_bytes(content)
        return checkpoints.read_checkpoint(path)[0]


def read_or_refused(content: bytes) -> None:
    """Read a file that may be damaged; any error must be one sentence."""
    try:
        values = read(content).values()
    except BadCheckpoint as error:
        assert str(error).isprintable() and len(str(error)) < 600
    else:
        assert all(bool(torch.isfinite(value).all()) for value in values)
        assert sum(value.numel() for value in values) <= 2 * len(content)


@QUICK
@given(st.dictionaries(st.text("abc.", min_size=1), tensors(), min_size=1), st.booleans())
def test_it_is_what_pytorch_reads(content: dict[str, Tensor], legacy: bool) -> None:
    data = saved({f"own.{name}": value for name, value in content.items()}, legacy)
    expected = torch.load(io.BytesIO(data), weights_only=True)
    found = read(data)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        wanted = value.float() if value.is_floating_point() else value
        assert torch.equal(found[name], wanted) and found[name].dtype == wanted.dtype


BASES = [saved(state()), saved(state(), legacy=True), save(state(), {"classes": '["a", "b"]'})]
# Bytes that numbers, lengths and instructions of pickles have at their ends.
BYTES = st.sampled_from([*b"\x00\x01\x7f\x80\xff.(}]tRQqhX\x8a"]) | st.integers(0, 255)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Generate a file with a few other bytes, also in the pickle or the header, or a part of it."""
    content = bytearray(draw(st.sampled_from(BASES)))
    # Everything but the values is in the first or the last kilobyte.
    places = st.integers(0, 1200) | st.integers(len(content) - 1200, len(content) - 1)
    for _ in range(draw(st.integers(1, 6))):
        content[draw(places) % len(content)] = draw(BYTES)
    if draw(st.booleans()):
        start, stop = sorted((draw(places) % len(content), draw(places) % len(content)))
        part = content[start:stop] if draw(st.booleans()) else bytearray()
        content[start:stop] = part * draw(st.integers(0, 3))
    return bytes(content)


@settings(QUICK, max_examples=300)
@given(damaged())
def test_a_damaged_file_is_read_or_refused(content: bytes) -> None:
    read_or_refused(content)


@st.composite
def programs(draw: st.DrawFn) -> bytes:
    """Generate a pickle: parts of one of PyTorch, instructions in between, then the end."""
    known = record(BASES[0], "data.pkl")
    starts = [at for _, _, at in pickletools.genops(known) if at is not None]
    pieces = [known[a:b] for a, b in zip(starts, [*starts[1:], len(known)], strict=True)][:-1]
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(pieces) - 1))
        kind = draw(st.sampled_from(["drop", "repeat", "swap", "new"]))
        if kind == "drop":
            pieces[at] = b""
        elif kind == "repeat":
            pieces[at] *= draw(st.integers(2, 50))
        elif kind == "swap":
            other = draw(st.integers(0, len(pieces) - 1))
            pieces[at], pieces[other] = pieces[other], pieces[at]
        else:
            code = draw(st.sampled_from(pickletools.opcodes)).code.encode("latin-1")
            pieces[at] = code + draw(st.binary(max_size=9))
    return b"".join(pieces) + b"."


@settings(QUICK, max_examples=300)
@given(programs())
def test_any_program_is_followed_or_refused(program: bytes) -> None:
    read_or_refused(repacked(BASES[0], data_pkl=program))


def test_a_file_is_checked_without_pytorch_and_in_little_memory(tmp_path: Path) -> None:
    """Pickles of millions of instructions and directories of 200,000 records are refused."""
    many = b"\x80\x02" + b"]q\x00h\x00" * 1_500_000 + b"."
    (tmp_path / "long.pth").write_bytes(repacked(BASES[0], data_pkl=many))
    (tmp_path / "wide.pth").write_bytes(directory_of(200_000))
    (tmp_path / "good.pth").write_bytes(BASES[0])
    if not Path("/proc/self/status").exists():
        pytest.skip("this system does not tell the most memory that a process took")
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from core.checkpoints import outline\n"
        "from core.errors import BadCheckpoint\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        print(len(outline.open_file(Path(name)).content.tensors))\n"
        "    except BadCheckpoint as error:\n"
        "        print(error)\n"
        "status = Path('/proc/self/status').read_text()\n"
        "print('torch' in sys.modules, status.partition('VmHWM:')[2].split()[0])"
    )
    files = [str(tmp_path / name) for name in ("good.pth", "long.pth", "wide.pth")]
    done = subprocess.run(
        [sys.executable, "-c", code, *files], capture_output=True, text=True, cwd=ROOT, timeout=60
    )
    good, long, wide, last = done.stdout.splitlines()
    imported, most_kilobytes = last.split()
    assert (good, imported, done.stderr) == ("2", "False", "")
    assert int(most_kilobytes) < 250_000
    assert "long.pth is damaged or holds more" in long
    assert "wide.pth is not a readable .pth checkpoint: its directory is too large" in wide


def directory_of(count: int) -> bytes:
    """Return a zip archive whose directory lists one record many times."""
    local = b"PK\x03\x04" + bytes(22) + b"\x01\x00\x00\x00a"
    one = b"PK\x01\x02" + bytes(24) + b"\x01\x00" + bytes(16) + b"a"
    size = len(one) * count
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, size, len(local), 0)
    return local + one * count + end


@pytest.mark.parametrize(
    ("name", "value"),
    [("0.weight", torch.ones(4, 3, 2, 2).int()), ("1.num_batches_tracked", torch.tensor(2.0))],
)
def test_a_tensor_of_another_kind_than_the_network_s_is_refused(name: str, value: Tensor) -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 2), torch.nn.BatchNorm2d(4))
    kinds = "(integer|floating) instead of (integer|floating)"
    with pytest.raises(BadCheckpoint, match=f"1 of another kind: {name} {kinds}"):
        checkpoints.load_state(module, {**module.state_dict(), name: value}, "a.pth", "tiny")
