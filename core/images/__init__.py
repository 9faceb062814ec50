"""Image files, tensors and PNGs: reading and writing, resizing, colours, crops and tiles."""

from core.exports import lazy

__all__, __getattr__ = lazy(
    __name__,
    {
        "channels": ["encode_image", "open_image", "with_channels"],
        "image_io": [
            "encode_png",
            "fingerprint",
            "montage",
            "open_picture",
            "resize_longer_side",
            "to_picture",
            "to_tensor",
        ],
    },
)
