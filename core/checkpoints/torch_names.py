"""The classes and functions that pickles of PyTorch name, and what each of them stands for."""

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
KNOWN = {
    *CONTAINERS,
    *PLAIN,
    *WRAPPING,
    *REBUILD,
    *SPECIAL,
    REBUILD_SUBCLASS,
    "torch.Size",
    "torch.Tensor",
}
# How PyTorch's names of types begin; those of quantisation schemes begin with ``per_``.
DTYPES = ("float", "bfloat", "int", "uint", "bool", "complex", "qint", "quint", "half", "per_")


def is_known(module: str, name: str) -> bool:
    """Whether a class or function builds tensors or plain values."""
    storage = module in STORAGE_MODULES and name in STORAGE_TYPES
    dtype = module == "torch" and name.startswith(DTYPES)
    return storage or dtype or f"{module}.{name}" in KNOWN
