"""Motion between the frames of dream films: zoom, rotation and optical flow."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.fixed_order import one_thread
from core.images.resize import resize_image

# Optical flow is computed on images whose longer side has at most this many pixels. Larger images
# take seconds, and motion is smooth enough to be enlarged.
FLOW_SIDE = 192
# Root mean square difference between a frame and the moved previous frame at which the detail of
# the previous dream fades to 1/e: with this difference, the pixels probably show another object.
FADE_DIFFERENCE = 0.08


def zoom_and_rotate(image: Tensor, zoom: float, turn: float) -> Tensor:
    """Enlarge and rotate an image about its centre; beyond the border, the image is reflected.

    Args:
        image: ``[1, 3, H, W]`` in ``[0, 1]``; the result has the same shape and range.
        zoom: factor of the enlargement, at least 1.
        turn: degrees, counter-clockwise.
    """
    height, width = image.shape[2:]
    cosine, sine = (function(math.radians(turn)) / zoom for function in (math.cos, math.sin))
    # Coordinates run from -1 to 1 along both axes, so a rotation needs the image's proportions.
    theta = [[cosine, sine * -height / width, 0.0], [sine * width / height, cosine, 0.0]]
    positions = F.affine_grid(torch.tensor([theta]), [1, 3, height, width], align_corners=False)
    return _sample(image.cpu(), positions).clamp(0, 1).to(image.device)


def match_tone(image: Tensor, like: Tensor, change: float) -> Tensor:
    """Set the brightness of an image to that of a reference, and limit the contrast of the image.

    Brightness is the mean of each colour channel, and contrast is the standard deviation of each
    channel. Every frame of a film adds a little contrast. Without this function, later frames would
    consist of black, white and neon colours only.

    Args:
        image: ``[1, 3, H, W]`` in ``[0, 1]``; the result has the same shape and range.
        like: the reference, ``[1, 3, H, W]`` in ``[0, 1]``.
        change: root mean square of the change that a dream makes to an image. A contrast of up to
            ``sqrt(contrast(like)^2 + change^2)`` is allowed.
    """
    mean, like_mean = (it.mean((2, 3), keepdim=True) for it in (image, like))
    contrast = (image - mean).square().mean((2, 3), keepdim=True).sqrt()
    allowed = (like - like_mean).square().mean((2, 3), keepdim=True).add(change**2).sqrt()
    factor = (allowed / contrast.clamp(min=1e-6)).clamp(max=1)
    return ((image - mean) * factor + like_mean).clamp(0, 1)


def warp_detail(detail: Tensor, before: Tensor, now: Tensor) -> Tensor:
    """Move the detail that a dream added to a frame of a clip with the motion to the next frame.

    Motion is estimated as dense optical flow (Le Besnerais and Champagnat, "Dense optical flow by
    iterative local window registration", 2005, by scikit-image). The detail fades where the
    previous frame, moved by this flow, differs from the next frame, for example where an object has
    moved away from the background.

    Args:
        detail: ``[1, 3, H, W]``, the change that the dream made to the previous frame.
        before, now: the previous and the next frame, ``[1, 3, H, W]`` in ``[0, 1]``.
    """
    device = detail.device
    detail, before, now = detail.cpu(), before.cpu(), now.cpu()
    # Imported here because the import is slow and only clips need it.
    from skimage.registration import optical_flow_ilk

    height, width = now.shape[2:]
    scale = min(1.0, FLOW_SIDE / max(height, width))
    size = (max(16, round(height * scale)), max(16, round(width * scale)))
    old, new = (resize_image(it, size).mean(1)[0].numpy() for it in (before, now))
    displacement = optical_flow_ilk(new, old)  # type: ignore[no-untyped-call]
    flow = np.stack(displacement).astype(np.float32)  # [2, h, w]: down, right
    shift = torch.from_numpy(flow)[None].to(now)
    # Convert pixels to coordinates that run from -1 to 1 along both axes.
    shift = shift * shift.new_tensor([2 / size[0], 2 / size[1]]).view(1, 2, 1, 1)
    with one_thread():
        shift = F.interpolate(shift, [height, width], mode="bilinear", align_corners=False)
    identity = F.affine_grid(torch.eye(2, 3)[None], [1, 3, height, width], align_corners=False)
    positions = identity.to(now) + shift.flip(1).permute(0, 2, 3, 1)
    difference = (_sample(before, positions) - now).square().mean(1, keepdim=True)
    difference = F.avg_pool2d(difference, 5, 1, 2, count_include_pad=False)
    moved = _sample(detail, positions) * torch.exp(-difference / FADE_DIFFERENCE**2)
    return moved.to(device)


def _sample(image: Tensor, positions: Tensor) -> Tensor:
    """Sample images ``[N, C, H, W]`` at ``[N, H, W, 2]``, (x, y) from -1 to 1, with reflection.

    The CPU does this, once for each frame: not every device has bicubic sampling.
    """
    return F.grid_sample(
        image, positions.to(image), "bicubic", padding_mode="reflection", align_corners=False
    )
