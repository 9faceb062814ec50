"""Motion between the frames of films: zoom, rotation, optical flow and what it uncovers."""

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
# Weight of likeness against smoothness of the smooth flow, and number of times that an image is
# moved at each of its sizes. With the defaults of scikit-image, 15 and 5, objects drag along what
# is around them.
ATTACHMENT, WARPS = 60.0, 8
# The fit of the camera's motion: number of rounds; difference from it in pixels from which on a
# motion hardly counts; and slope of the image, a pixel, from which on there is an edge.
FITS, OWN_MOTION, EDGE = 12, 1.0, 0.02
# Largest squared distance between a pixel and the place to which both flows lead: a share of the
# squared lengths of the flows, and a number of squared pixels of the size of the flow.
RELATIVE_GAP, LEAST_GAP = 0.01, 0.5


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

    The detail fades where the previous frame, moved by the optical flow, differs from the next
    frame, for example where an object has moved away from the background.

    Args:
        detail: ``[1, 3, H, W]``, the change that the dream made to the previous frame.
        before, now: the previous and the next frame, ``[1, 3, H, W]`` in ``[0, 1]``.
    """
    device = detail.device
    detail, before, now = detail.cpu(), before.cpu(), now.cpu()
    positions = _positions(optical_flow(now, before), now)
    moved = _sample(detail, positions) * _likeness(before, now, positions)
    return moved.to(device)


def carry(image: Tensor, before: Tensor, now: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Move an image of the previous frame of a clip with the motion to the next frame.

    A pixel is visible in both frames if the flow to the previous frame and the flow back lead to
    nearly the same place (Sundaram, Brox and Keutzer, "Dense point trajectories by GPU-accelerated
    large displacement optical flow", 2010), if that place is within the previous frame, and as far
    as both frames look alike there (``FADE_DIFFERENCE``).

    Args:
        image: ``[1, C, H, W]`` in ``[0, 1]``, such as the painted previous frame.
        before, now: the previous and the next frame, ``[1, C, H, W]`` in ``[0, 1]``.

    Returns:
        The moved image, ``[1, C, H, W]`` in ``[0, 1]``; how visible what it shows is in both
        frames, ``[1, 1, H, W]`` from 0 (uncovered) to 1; and how well it fits the next frame, in
        the same shape. It also fits where the frame goes on beyond the former border as a mirror
        shows it, such as a sky.
    """
    device = image.device
    image, before, now = image.cpu(), before.cpu(), now.cpu()
    backward, forward = optical_flow(now, before, True), optical_flow(before, now, True)
    positions, visible, fitting = visibility(before, now, backward, forward)
    moved = _sample(image, positions).clamp(0, 1)
    return moved.to(device), visible.to(device), fitting.to(device)


def visibility(
    before: Tensor, now: Tensor, backward: Tensor, forward: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return where each pixel of a frame was in the frame before, and how visible it was there.

    Args:
        before, now: both frames, ``[1, C, H, W]`` in ``[0, 1]``, on the CPU.
        backward, forward: the flow from the next frame to the previous one, and back.

    Returns:
        The places, ``[1, H, W, 2]``, the visibility from 0 to 1, ``[1, 1, H, W]``, and the same
        for a frame that is mirrored at its border.
    """
    positions = _positions(backward, now)
    inside = (positions.abs() <= 1).all(3)[:, None].to(now)
    # The mask is made a little smaller, as a pixel beside an edge has colours of both sides, and
    # then smooth, so that no line is seen where painting begins.
    seen = 1 - F.max_pool2d(1 - consistency(backward, forward), 3, 1, 1)
    with one_thread():
        seen = F.interpolate(seen, now.shape[2:], mode="bilinear", align_corners=False)
    fitting = seen * _likeness(before, now, positions)
    return positions, fitting * inside, fitting


def optical_flow(start: Tensor, end: Tensor, smooth: bool = False) -> Tensor:
    """Estimate for each pixel of an image where the other image shows the same.

    Motion is estimated as dense optical flow by scikit-image, in one of two ways:

    - in local windows (Le Besnerais and Champagnat, "Dense optical flow by iterative local window
      registration", 2005). Even areas, such as a sky, get an arbitrary flow.
    - with the least total variation (Zach, Pock and Bischof, "A duality based approach for realtime
      TV-L1 optical flow", 2007) of what differs from the motion of the camera, which is an affine
      map. So even areas move with what is around them, or with the camera. It takes three times as
      long, and errs half as much (``python -m benchmarks.style_film --flow``).

    Args:
        start, end: ``[1, C, H, W]`` in ``[0, 1]``, on the CPU.
        smooth: whether in the second way.

    Returns:
        ``[1, 2, h, w]``, by how many pixels of this smaller size (``FLOW_SIDE``) to go down and
        right.
    """
    # Imported here because the import is slow and only clips need it.
    from skimage.registration import optical_flow_ilk, optical_flow_tvl1

    height, width = start.shape[2:]
    scale = min(1.0, FLOW_SIDE / max(height, width))
    size = (max(16, round(height * scale)), max(16, round(width * scale)))
    one, other = (resize_image(it, size).mean(1, keepdim=True) for it in (start, end))
    found = optical_flow_ilk(one[0, 0].numpy(), other[0, 0].numpy())  # type: ignore[no-untyped-call]
    flow = torch.from_numpy(np.stack(found).astype(np.float32))[None].to(start)
    if not smooth:
        return flow
    camera = camera_motion(flow, one)
    still = _sample(other, _positions(camera, one))
    own = optical_flow_tvl1(  # type: ignore[no-untyped-call]
        one[0, 0].numpy(), still[0, 0].numpy(), attachment=ATTACHMENT, num_warp=WARPS
    )
    own_flow = torch.from_numpy(np.stack(own).astype(np.float32))[None].to(start)
    # First by the own flow, then, from there, by the camera's.
    return own_flow + _bilinear(camera, _positions(own_flow, one))


def camera_motion(flow: Tensor, image: Tensor) -> Tensor:
    """Fit an affine motion to a flow, and return it as a flow, ``[1, 2, h, w]``.

    The fit is by least squares, with the weights of a Geman-McClure estimator, so that things that
    move on their own do not count, and only where the image has edges.

    Args:
        flow: ``[1, 2, h, w]``, in pixels down and right.
        image: what it was estimated from, ``[1, 1, h, w]``.
    """
    values = flow[0].double().numpy()
    slopes = np.gradient(image[0, 0].double().numpy())
    energy = slopes[0] ** 2 + slopes[1] ** 2
    edges = energy / (energy + EDGE**2)
    rows, cols = np.meshgrid(*(np.linspace(-1, 1, it) for it in edges.shape), indexing="ij")
    terms = np.stack([np.ones_like(rows), rows, cols])
    # A little of no motion, for images without edges.
    ridge = 1e-6 * np.eye(3)
    weights, fitted = edges, np.zeros_like(values)
    for _ in range(FITS):
        products = np.einsum("ahw,bhw,hw->ab", terms, terms, weights, optimize=False)
        targets = np.einsum("ahw,chw,hw->ac", terms, values, weights, optimize=False)
        fitted = np.einsum("ac,ahw->chw", np.linalg.solve(products + ridge, targets), terms)
        apart = ((values - fitted) ** 2).sum(0)
        weights = edges / (1 + apart / OWN_MOTION**2) ** 2
    return torch.from_numpy(fitted)[None].to(flow)


def consistency(backward: Tensor, forward: Tensor) -> Tensor:
    """Return 1 for each pixel from which both flows lead back to nearly the same place, else 0.

    The limit grows with the length of the flows, as in equation 5 of Ruder, Dosovitskiy and Brox,
    "Artistic style transfer for videos", 2016.

    Args:
        backward, forward: ``[1, 2, h, w]``, the flow from the next frame to the previous one and
            that from the previous frame to the next one, in pixels down and right.

    Returns:
        ``[1, 1, h, w]``.
    """
    back = _bilinear(forward, _positions(backward, backward))
    apart = (backward + back).square().sum(1, keepdim=True)
    lengths = (backward.square() + back.square()).sum(1, keepdim=True)
    return (apart <= RELATIVE_GAP * lengths + LEAST_GAP).to(backward)


def _positions(flow: Tensor, image: Tensor) -> Tensor:
    """Return where each pixel of an image comes from, ``[1, H, W, 2]``, (x, y) from -1 to 1.

    Args:
        flow: ``[1, 2, h, w]``, as ``optical_flow`` returns it.
        image: an image ``[1, C, H, W]``, of which only the size matters.
    """
    height, width = image.shape[2:]
    # Convert pixels to coordinates that run from -1 to 1 along both axes.
    size = flow.shape[2:]
    shift = flow * flow.new_tensor([2 / size[0], 2 / size[1]]).view(1, 2, 1, 1)
    with one_thread():
        shift = F.interpolate(shift, [height, width], mode="bilinear", align_corners=False)
    identity = F.affine_grid(torch.eye(2, 3)[None], [1, 3, height, width], align_corners=False)
    return identity.to(flow) + shift.flip(1).permute(0, 2, 3, 1)


def _likeness(before: Tensor, now: Tensor, positions: Tensor) -> Tensor:
    """Return from 0 to 1 how alike the moved previous frame and the next one are, [1, 1, H, W]."""
    difference = (_sample(before, positions) - now).square().mean(1, keepdim=True)
    difference = F.avg_pool2d(difference, 5, 1, 2, count_include_pad=False)
    return torch.exp(-difference / FADE_DIFFERENCE**2)


def _sample(image: Tensor, positions: Tensor) -> Tensor:
    """Sample images ``[N, C, H, W]`` at ``[N, H, W, 2]``, (x, y) from -1 to 1, with reflection.

    The CPU does this, once for each frame: not every device has bicubic sampling.
    """
    return F.grid_sample(
        image, positions.to(image), "bicubic", padding_mode="reflection", align_corners=False
    )


def _bilinear(flow: Tensor, positions: Tensor) -> Tensor:
    """Sample flows ``[1, 2, h, w]`` at ``[1, h, w, 2]``; beyond the border as at the border."""
    with one_thread():
        return F.grid_sample(
            flow, positions, "bilinear", padding_mode="border", align_corners=False
        )
