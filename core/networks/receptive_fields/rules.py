"""Rules: the axes and receptive fields of an operation's result, from those of its inputs."""

from collections.abc import Mapping

from core.networks.receptive_fields import resizing_rules, shape_rules, window_rules
from core.networks.receptive_fields.described_call import Call, Rule
from core.networks.receptive_fields.spans import Axes, AxisKind, Span, elementwise_axes, mixed_axis


def _linear(call: Call) -> Axes:
    *rest, last = call.axes
    if len(rest) == 1:
        return (*rest, AxisKind.CHANNEL)
    return (*rest, last.full(call.shape[-1]) if isinstance(last, Span) else last)


def _batch_normalisation(call: Call) -> Axes:
    if call.option("running_mean", 1) is None or call.option("training", 5, False):
        return _statistics(call)
    return call.axes


def _statistics(call: Call) -> Axes:
    """Return the axes of normalisation with mean and variance of the present image.

    These two are a summary of the image, so they are global gates.
    """
    return call.axes if call.local else call.unknown_axes()


def _normalisation(call: Call) -> Axes:
    """Return the axes of layer normalisation, which mixes the last axes."""
    if call.local:
        return call.axes
    count = len(call.option("normalized_shape", 1))
    mixed = map(mixed_axis, call.axes[-count:], call.shape[-count:])
    return (*call.axes[:-count], *mixed)


def _softmax(call: Call) -> Axes:
    dim = call.option("dim", 1)
    axes = list(call.axes)
    if dim is None:
        return call.unknown_axes()
    axes[dim] = mixed_axis(axes[dim], call.shape[dim])
    return tuple(axes)


def _reduction(call: Call) -> Axes:
    if call.option("dim", 1) is None:
        return call.unknown_axes()
    dims = call.dims("dim", 1)
    if len(call.shape) < len(call.axes):
        return tuple(axis for at, axis in enumerate(call.axes) if at not in dims)
    return tuple(
        axis.adapt(1) if at in dims and isinstance(axis, Span) else axis
        for at, axis in enumerate(call.axes)
    )


def _concatenation(call: Call) -> Axes:
    ranks = {len(value.axes) for value in call.inputs}
    if ranks != {len(call.shape)}:
        return call.unknown_axes()
    dim = call.option("dim", 1, 0) % len(call.shape)
    along = call.axes[dim]
    # Along all other axes, a position of the result depends on the same position of every input.
    inputs = [(*v.axes[:dim], AxisKind.CHANNEL, *v.axes[dim + 1 :]) for v in call.inputs]
    axes = list(elementwise_axes(inputs, call.shape, call.local))
    axes[dim] = along.full(call.shape[dim]) if isinstance(along, Span) else along
    return tuple(axes)


CONCATENATIONS = ("cat", "concat", "concatenate")
RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("Conv2d", "conv2d"), window_rules.convolution),
    **dict.fromkeys(("MaxPool2d", "AvgPool2d", "max_pool2d", "avg_pool2d"), window_rules.pooling),
    **dict.fromkeys(window_rules.SAME_CONVOLUTIONS, window_rules.convolution),
    **dict.fromkeys(window_rules.SAME_POOLINGS, window_rules.pooling),
    **dict.fromkeys(("AdaptiveAvgPool2d", "AdaptiveMaxPool2d"), window_rules.adaptive_pooling),
    **dict.fromkeys(("adaptive_avg_pool2d", "adaptive_max_pool2d"), window_rules.adaptive_pooling),
    **dict.fromkeys(("ZeroPad2d", "ConstantPad2d", "pad"), window_rules.padding),
    **dict.fromkeys(("ConvTranspose2d", "conv_transpose2d"), resizing_rules.transposed_convolution),
    **dict.fromkeys(("Upsample", "interpolate", "upsample"), resizing_rules.interpolation),
    **dict.fromkeys(("UpsamplingNearest2d", "UpsamplingBilinear2d"), resizing_rules.interpolation),
    **dict.fromkeys(("PixelShuffle", "pixel_shuffle"), resizing_rules.pixel_shuffle),
    **dict.fromkeys(("Linear", "linear"), _linear),
    **dict.fromkeys(("BatchNorm2d", "SyncBatchNorm", "batch_norm"), _batch_normalisation),
    **dict.fromkeys(("GroupNorm", "InstanceNorm2d", "group_norm", "instance_norm"), _statistics),
    **dict.fromkeys(("LayerNorm", "RMSNorm", "layer_norm", "rms_norm"), _normalisation),
    **dict.fromkeys(("Softmax", "LogSoftmax", "softmax", "log_softmax"), _softmax),
    **dict.fromkeys(("mean", "sum", "amax", "amin", "var", "std", "logsumexp"), _reduction),
    **dict.fromkeys(("Flatten", "Unflatten", "flatten", "unflatten"), shape_rules.reshaping),
    **dict.fromkeys(("reshape", "view", "squeeze"), shape_rules.reshaping),
    **dict.fromkeys(("transpose", "swapaxes", "swapdims"), shape_rules.transposition),
    "permute": shape_rules.permutation,
    "unsqueeze": shape_rules.insertion,
    "getitem": shape_rules.selection,
    "expand": shape_rules.expansion,
    "_patch_merging_pad": window_rules.patch_merging,
    "shifted_window_attention": window_rules.window_attention,
}
# Operations that return several tensors.
SPLITTING = ("chunk", "split", "tensor_split")
# Operations that read several tensors.
JOINING: Mapping[str, Rule] = {
    **dict.fromkeys(CONCATENATIONS, _concatenation),
    "expand_as": shape_rules.expansion,
}
