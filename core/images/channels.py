"""Images of other than three channels: grey, or any number as tensors.

Networks take images of 3 channels (RGB), 1 channel (grey), or any other number, such as the bands
of a satellite. Pictures are RGB, so they become grey where a network wants one channel. Images of
other numbers of channels are tensors ``[N, C, H, W]`` in ``[0, 1]`` from the start; they have no
picture, and are encoded as safetensors.
"""

import hashlib

import safetensors.torch
import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor

from core.errors import BadPicture
from core.images import image_io
from core.images.center_crop import CenterCrop
from core.images.resize import reduced_size, resize_image

# Weights of red, green and blue in luma (ITU-R BT.601).
LUMA_WEIGHTS = (0.299, 0.587, 0.114)
# Numbers of channels of images that can be pictures.
GREY, COLOUR = 1, 3
# Name of the tensor in an encoded image of other channels.
KEY = "image"


def with_channels(image: Tensor, channels: int) -> Tensor:
    """Return an image with the number of channels that a network takes.

    Args:
        image: ``[N, C, H, W]`` in ``[0, 1]``.
        channels: number of channels. An RGB image becomes its luma for 1.

    Raises:
        BadPicture: the image has another number of channels.
    """
    if image.shape[1] == channels:
        return image
    if image.shape[1] == COLOUR and channels == GREY:
        return luma(image)
    raise BadPicture(
        f"the network takes images of {channels} channels, [N, {channels}, H, W], "
        f"and this one has {image.shape[1]}"
    )


def luma(image: Tensor) -> Tensor:
    """Return the luma of RGB images, ``[N, 1, H, W]``; that of grey is exactly the grey value."""
    red, green, blue = image[:, :1], image[:, 1:2], image[:, 2:]
    result: Tensor = red + LUMA_WEIGHTS[1] * (green - red) + LUMA_WEIGHTS[2] * (blue - red)
    return result


def crop_image(image: Tensor, center_crop: CenterCrop) -> Tensor:
    """Apply a centre crop to an image ``[1, C, H, W]``, as ``network_input`` does to a picture."""
    top, left, bottom, right = center_crop.pixel_window
    return resize_image(image[..., top:bottom, left:right], center_crop.size).clamp(0, 1)


def encode_image(image: Tensor) -> tuple[str, bytes]:
    """Encode an image as an input of recipes; return its fingerprint, and the bytes.

    Args:
        image: ``[1, C, H, W]`` in ``[0, 1]``, of any number of channels. Images of 1 and 3 channels
            become PNGs of 8 bits.
    """
    if image.shape[1] in (GREY, COLOUR):
        picture = image_io.to_picture(image)
        return image_io.fingerprint(picture), image_io.encode_png(picture)
    data = safetensors.torch.save({KEY: image.detach().float().cpu().contiguous()})
    return hashlib.sha256(data).hexdigest()[:32], data


def open_image(data: bytes, channels: int = COLOUR, longer: int | None = None) -> Tensor:
    """Decode the input of a recipe as an image of some channels, ``[1, C, H, W]`` in ``[0, 1]``.

    Args:
        data: an encoded picture; for other than 1 and 3 channels, what ``encode_image`` returned.
        channels: number of channels of the result.
        longer: longer side of the result in pixels; None for the size of the image. A picture is
            also enlarged to it, an image of other channels is not.

    Raises:
        BadPicture: the data is no image of this kind.
    """
    if channels in (GREY, COLOUR):
        picture: Image.Image = image_io.open_picture(data)
        if longer is not None:
            picture = image_io.resize_longer_side(picture, longer)
        return with_channels(image_io.to_tensor(picture), channels)
    try:
        image = safetensors.torch.load(data)[KEY]
    except (SafetensorError, KeyError) as error:
        raise BadPicture(
            f"a network of {channels} channels takes no pictures; encode an image "
            f"[1, {channels}, H, W] with images.encode_image"
        ) from error
    if image.ndim != 4 or len(image) != 1 or image.dtype != torch.float32 or not image.numel():
        raise BadPicture(f"this is no image [1, {channels}, H, W]: {list(image.shape)}")
    image = with_channels(image, channels).clamp(0, 1)
    if longer is None:
        return image
    return resize_image(image, reduced_size((image.shape[2], image.shape[3]), longer)).clamp(0, 1)
