"""Image collections: folders, archives, torchvision datasets, SketchWorld and sample images."""

from core.exports import lazy

__all__, __getattr__ = lazy(
    __name__, {"samples": ["SAMPLES", "STYLES", "picture"], "sources": ["find_source"]}
)
