"""How a dream moves from one frame of a film to the next."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.images.resize import resize_image

# Motion is looked for in pictures no larger than this along the longer side: larger ones take
# seconds, and motion is smooth.
FLOW_SIDE = 192
# Where a frame differs from the moved one before by so much, something else is seen there now.
UNLIKE = 0.08


def zoom_and_rotate(image: Tensor, zoom: float, turn: float) -> Tensor:
    """Enlarge the middle of a picture ``[1, 3, H, W]`` and turn it, mirrored beyond its border.

    Args:
        image: in ``[0, 1]``; so is the result.
        zoom: at least 1.
        turn: degrees, counter-clockwise.
    """
    height, width = image.shape[2:]
    cosine, sine = (it(math.radians(turn)) / zoom for it in (math.cos, math.sin))
    # Coordinates run from -1 to 1 along both axes, so turning needs the picture's proportions.
    theta = [[cosine, sine * -height / width, 0.0], [sine * width / height, cosine, 0.0]]
    places = F.affine_grid(torch.tensor([theta]), [1, 3, height, width], align_corners=False)
    return _taken_from(image, places).clamp(0, 1)


def match_tone(image: Tensor, like: Tensor, change: float) -> Tensor:
    """Bring light and contrast of a picture back to those of the one it came from.

    Each of many frames adds a little; without this they would end in pure black, white and neon.

    Args:
        image, like: ``[1, 3, H, W]`` in ``[0, 1]``; so is the result.
        change: root mean square of what a dream adds; so much more contrast is let be.
    """
    mean, wanted_mean = (it.mean((2, 3), keepdim=True) for it in (image, like))
    contrast = (image - mean).square().mean((2, 3), keepdim=True).sqrt()
    wanted = (like - wanted_mean).square().mean((2, 3), keepdim=True).add(change**2).sqrt()
    softer = (wanted / contrast.clamp(min=1e-6)).clamp(max=1)
    return ((image - mean) * softer + wanted_mean).clamp(0, 1)


def warp_detail(detail: Tensor, before: Tensor, now: Tensor) -> Tensor:
    """Move what was dreamt in one frame of a clip to where its things are in the next.

    Motion is found as dense optical flow (Le Besnerais and Champagnat, "Dense optical flow by
    iterative local window registration", 2005, by scikit-image). Where the moved frame is unlike
    the new one, as behind something that moved away, the dream fades.

    Args:
        detail: ``[1, 3, H, W]``, what was changed in the frame before.
        before, now: the two frames, ``[1, 3, H, W]`` in ``[0, 1]``.
    """
    # Imported here: it takes a while, and only clips need it.
    from skimage.registration import optical_flow_ilk

    height, width = now.shape[2:]
    scale = min(1.0, FLOW_SIDE / max(height, width))
    size = (max(16, round(height * scale)), max(16, round(width * scale)))
    old, new = (resize_image(it, size).mean(1)[0].cpu().numpy() for it in (before, now))
    found = optical_flow_ilk(new, old)  # type: ignore[no-untyped-call]
    flow = np.stack(found).astype(np.float32)  # [2, h, w]: down, right
    shift = torch.from_numpy(flow)[None].to(now)
    # From pixels to coordinates that run from -1 to 1 along both axes.
    shift = shift * shift.new_tensor([2 / size[0], 2 / size[1]]).view(1, 2, 1, 1)
    shift = F.interpolate(shift, [height, width], mode="bilinear", align_corners=False)
    still = F.affine_grid(torch.eye(2, 3)[None], [1, 3, height, width], align_corners=False)
    places = still.to(now) + shift.flip(1).permute(0, 2, 3, 1)
    unlike = (_taken_from(before, places) - now).square().mean(1, keepdim=True)
    unlike = F.avg_pool2d(unlike, 5, 1, 2, count_include_pad=False)
    return _taken_from(detail, places) * torch.exp(-unlike / UNLIKE**2)


def _taken_from(image: Tensor, places: Tensor) -> Tensor:
    """Sample images ``[N, C, H, W]`` at places ``[N, H, W, 2]``, mirrored beyond the border."""
    return F.grid_sample(
        image, places.to(image), "bicubic", padding_mode="reflection", align_corners=False
    )
