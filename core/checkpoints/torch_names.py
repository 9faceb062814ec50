"""The classes and functions that pickles of PyTorch name, and what each of them stands for."""

import sys

QUANTISED = "quantised"
# Element type and bytes of an element, by the names of PyTorch's storage classes. An untyped
# storage counts bytes.
STORAGE_TYPES = {
    "UntypedStorage": ("", 1),
    "DoubleStorage": ("float64", 8),
    "FloatStorage": ("float32", 4),
    "HalfStorage": ("float16", 2),
    "BFloat16Storage": ("bfloat16", 2),
    "LongStorage": ("int64", 8),
    "IntStorage": ("int32", 4),
    "ShortStorage": ("int16", 2),
    "CharStorage": ("int8", 1),
    "ByteStorage": ("uint8", 1),
    "BoolStorage": ("bool", 1),
    "ComplexFloatStorage": ("complex64", 8),
    "ComplexDoubleStorage": ("complex128", 16),
    "QInt8Storage": (QUANTISED, 1),
    "QUInt8Storage": (QUANTISED, 1),
    "QInt32Storage": (QUANTISED, 4),
    "QUInt4x2Storage": (QUANTISED, 1),
    "QUInt2x4Storage": (QUANTISED, 1),
}
STORAGE_MODULES = ("torch", "torch.cuda", "torch.storage")
# Functions and classes of plain values. What they would build is kept, or left out where no weights
# can be in it.
PAIRS = {"collections.OrderedDict", "collections.Counter"}
CONTAINERS = {*PAIRS, "builtins.set"}
PLAIN = {
    "torch.device",
    "torch.serialization._get_layout",
    "_codecs.encode",
    "builtins.bytearray",
    "builtins.complex",
}
# Functions of PyTorch that build a tensor from another one.
WRAPPING = {
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_parameter_with_state",
    "torch.nn.parameter.Parameter",
}
REBUILD = {
    "torch._utils._rebuild_tensor",
    "torch._utils._rebuild_tensor_v2",
    "torch._utils._rebuild_tensor_v3",
}
REBUILD_SUBCLASS = "torch._tensor._rebuild_from_type_v2"
# Tensors without plain values, by the function that builds them.
SPECIAL = {
    "torch._utils._rebuild_sparse_tensor": "sparse",
    "torch._utils._rebuild_qtensor": QUANTISED,
    "torch._utils._rebuild_meta_tensor_no_storage": "meta, without values",
    "torch._utils._rebuild_nested_tensor": "nested",
    "torch._utils._rebuild_wrapper_subclass": "another library's",
    "torch._utils._rebuild_device_tensor_from_numpy": "another device's",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": "another device's",
}
# Functions and classes of which it is known what they build.
CALLED = {*CONTAINERS, *PLAIN, *WRAPPING, *REBUILD, *SPECIAL, REBUILD_SUBCLASS, "torch.Size"}
# Classes of the standard library and of numpy that hold a value beside the tensors, and the
# functions that build one. None of them does anything else.
HARMLESS = {
    *("argparse.Namespace", "types.SimpleNamespace", "uuid.UUID", "decimal.Decimal"),
    *("fractions.Fraction", "functools.partial", "re._compile", "collections.deque"),
    *(f"datetime.{it}" for it in ("date", "datetime", "time", "timedelta", "timezone")),
    *(
        f"pathlib{inner}.{kind}{system}Path"
        for inner in ("", "._local")
        for kind in ("", "Pure")
        for system in ("", "Posix", "Windows")
    ),
    *(f"builtins.{it}" for it in ("bool", "int", "float", "str", "bytes", "slice", "range")),
    *("builtins.list", "builtins.tuple", "builtins.getattr", "builtins.object"),
    *("numpy.dtype", "numpy.ndarray"),
}
# Functions that make an object of the class that is their first argument.
MAKING = {"copyreg._reconstructor", "copyreg.__newobj__", "copyreg.__newobj_ex__"}
NUMPY = ("numpy.core.multiarray.", "numpy._core.multiarray.")
NUMPY_FUNCTIONS = ("scalar", "_reconstruct")
DEFAULTS = "collections.defaultdict"
# How PyTorch's names of types begin; those of quantisation schemes begin with ``per_``.
DTYPES = ("float", "bfloat", "int", "uint", "bool", "complex", "qint", "quint", "half", "per_")


def is_storage(name: str) -> bool:
    """Whether a name is that of one of PyTorch's storage classes."""
    module, _, last = name.rpartition(".")
    return module in STORAGE_MODULES and last in STORAGE_TYPES


def is_array(name: str) -> bool:
    """Whether a function builds an array or a number of numpy."""
    return name.startswith(NUMPY) and name.rpartition(".")[2] in NUMPY_FUNCTIONS


def is_harmless(name: str) -> bool:
    """Whether a function or class, called with a pickle's arguments, builds an object of no use.

    A class of somebody's own, such as an enumeration among the settings of a training, is such.
    Python knows a class only by looking it up, which would run code, so it is told by its capital.
    Functions, and the classes of the standard library that are not listed, may do anything.
    """
    root, last = name.partition(".")[0], name.rpartition(".")[2]
    own = root not in sys.stdlib_module_names and last[:1].isupper()
    return name in HARMLESS or is_array(name) or own
