"""Names of tensors without the prefixes of wrappers, where no network is there to compare with."""

from collections import Counter
from collections.abc import Mapping

from core.checkpoints.contents import FileContent
from core.checkpoints.declared import ITEM_BYTES

# What data-parallel training and weight averaging, torch.compile, Lightning and the like put before
# every name.
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.", "backbone.", "ema_model.")
# Auxiliary classifiers that only training uses; torchvision's googlenet and inception_v3
# checkpoints contain them.
AUXILIARY_HEADS = ("aux1.", "aux2.", "AuxLogits.")


def largest_state_dict(content: FileContent) -> dict[str, str]:
    """Return paths by plain names, of the mapping or module with most tensors.

    Counters, such as that of weight averaging, and auxiliary classifiers are left out.
    """
    sizes = Counter(content.holders.values())
    largest = max(sizes, key=lambda holder: (sizes[holder], -holder), default=0)
    folder = content.folders.get(largest, "")
    names = {
        path: path[len(folder) + 1 :] if folder else path
        for path, holder in content.holders.items()
        if holder == largest
    }
    tensors = content.tensors
    weights = {
        path: name
        for path, name in names.items()
        if tensors[path].shape or tensors[path].dtype not in ITEM_BYTES
    }
    while prefix := next((it for it in PREFIXES if _all_begin(weights, it)), ""):
        names = {path: name.removeprefix(prefix) for path, name in names.items()}
        weights = {path: names[path] for path in weights}
    return {
        name: path
        for path, name in names.items()
        if not name.startswith(AUXILIARY_HEADS) and (path in weights or "." in name)
    }


def _all_begin(names: Mapping[str, str], prefix: str) -> bool:
    return bool(names) and all(name.startswith(prefix) for name in names.values())
