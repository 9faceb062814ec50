"""Files that are no weights of PyTorch: told by their first bytes, with what to do about them."""

from collections.abc import Iterable

from core.safetensors_header import LENGTH

# So many first bytes tell what a file is.
START_BYTES = 262
SAVE = "save model.state_dict() with torch.save, or as safetensors"
CONVERT = f"load it where it comes from and {SAVE}"
# First bytes of files of other formats, what they are, and what to do with them.
STARTS = (
    (b"\x89HDF\r\n\x1a\n", "a Keras or HDF5 file", f"rebuild the network in PyTorch and {SAVE}"),
    (b"GGUF", "a GGUF file of a language model", "name the weights of an image network"),
    (b"\x93NUMPY", "an array of numpy", f"put the arrays into the network and {SAVE}"),
    (b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself with git lfs pull"),
    (b"\x1f\x8b", "a gzip archive", "unpack it and name the file inside"),
    (b"\xfd7zXZ", "an xz archive", "unpack it and name the file inside"),
    (b"BZh", "a bzip2 archive", "unpack it and name the file inside"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "unpack it and name the file inside"),
    (b"Rar!", "a RAR archive", "unpack it and name the file inside"),
    (b"\x89PNG", "a PNG image", "name a weights file"),
    (b"\xff\xd8\xff", "a JPEG image", "name a weights file"),
    (b"%PDF", "a PDF document", "name a weights file"),
)
PAGES = (b"<!doctype html", b"<html")
# Where a file of TensorFlow Lite has its name.
TFLITE_AT, TFLITE = 4, b"TFL3"
# Where a tar archive has the name of its format, which torch.save wrote until 2017.
TAR_AT, TAR = 257, b"ustar"
# An ONNX file begins with the version of its format, in the bytes of protocol buffers, and one of
# the fields that may follow: the producer's name, the graph, or the versions of operators.
ONNX_VERSION, ONNX_VERSIONS, ONNX_FIELDS = 0x08, range(1, 32), (0x12, 0x1A, 0x22, 0x3A, 0x42)
# Records of zip archives of other formats, by the end of their names.
RECORDS = (
    (
        "constants.pkl",
        "a TorchScript program",
        "save model.state_dict() instead; torch.jit.load(...).state_dict() has it",
    ),
    (
        "archive_format",
        "a program of torch.export (.pt2)",
        "save torch.export.load(...).state_dict with torch.save",
    ),
    (
        "serialized_exported_program.json",
        "a program of torch.export (.pt2)",
        "save torch.export.load(...).state_dict with torch.save",
    ),
    ("model.weights.h5", "a Keras model", f"rebuild the network in PyTorch and {SAVE}"),
    ("saved_model.pb", "a model of TensorFlow", f"rebuild the network in PyTorch and {SAVE}"),
    (".npy", "an archive of numpy arrays", f"put the arrays into the network and {SAVE}"),
    (
        (".distcp", ".metadata"),
        "an archive of a distributed checkpoint",
        "join it with torch.distributed.checkpoint.format_utils.dcp_to_torch_save",
    ),
    (
        (".pth", ".pt", ".ckpt", ".safetensors", ".bin"),
        "an archive with a weights file in it",
        "unpack it and name that file",
    ),
)


def what_it_is(start: bytes) -> str:
    """Return what a file of another format is, and what to do; "" for a format that may be read.

    Args:
        start: the first ``START_BYTES`` of the file.
    """
    # The length of a safetensors header may begin like anything; a brace follows it.
    if start[LENGTH.size :][:1] == b"{":
        return ""
    for first, kind, advice in STARTS:
        if start.startswith(first):
            return f"{kind}; {advice}"
    if start.lstrip()[:20].lower().startswith(PAGES):
        return "a web page, not the file that it links to; download the file itself"
    if start[TFLITE_AT:].startswith(TFLITE):
        return f"a model of TensorFlow Lite; rebuild the network in PyTorch and {SAVE}"
    if start[TAR_AT:].startswith(TAR):
        return (
            "a tar archive; unpack it, or, if PyTorch wrote it until 2017, load it there and save "
            "model.state_dict() again"
        )
    first, version, following = (*start[:3], 0, 0, 0)[:3]
    if first == ONNX_VERSION and version in ONNX_VERSIONS and following in ONNX_FIELDS:
        return f"an ONNX file, which has no names of PyTorch's modules; {CONVERT}"
    return ""


def what_archive_it_is(records: Iterable[str]) -> str:
    """Return as ``what_it_is`` does what a zip archive is, by the names of its records."""
    names = list(records)
    for ending, kind, advice in RECORDS:
        if any(name.endswith(ending) for name in names):
            return f"{kind}; {advice}"
    return ""
