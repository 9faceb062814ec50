"""One style transfer, timed in a process of its own: ``main``, called by ``style_pictures``.

It imports nothing from ``benchmarks``, so that it can also time another checkout of the project.
"""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

from core import allocator
from core.images import image_io
from core.networks import registry
from core.style import transfer
from explorer.cli.command_io import open_image

KILOBYTES = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    """Print JSON with the seconds and the peak of memory of a style transfer, and save the picture.

    The first argument is JSON: ``network``, ``weights`` (null for its own), ``content``, ``style``,
    ``settings`` of the recipe, and ``out``, where the PNG goes. Start and loading are not timed.
    """
    work: dict[str, Any] = json.loads(sys.argv[1])
    allocator.keep_freed_memory()
    weights = work["weights"] and Path(work["weights"])
    network = registry.load(work["network"], weights)
    pictures = [open_image(work[it]) for it in ("content", "style")]
    inputs = {image_io.fingerprint(it): image_io.encode_png(it) for it in pictures}
    content, style = inputs
    recipe = transfer.plan(network, content=content, styles=(style,), **work["settings"])
    began = time.perf_counter()
    for progress in transfer.render(network, recipe, inputs):
        for picture in progress.pictures:
            image = picture.image
    seconds = time.perf_counter() - began
    image_io.to_picture(image[None]).save(work["out"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KILOBYTES / 1e6
    print(json.dumps({"seconds": seconds, "peak_mb": peak}))
