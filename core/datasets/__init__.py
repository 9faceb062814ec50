"""Image collections: folders, archives, torchvision datasets, SketchWorld, and the bundled
samples.
"""

from core.exports import lazy

__all__, __getattr__ = lazy(
    __name__, {"samples": ["SAMPLES", "STYLES", "picture"], "sources": ["find_source"]}
)
