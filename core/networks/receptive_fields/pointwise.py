"""Operations that process every position independently: activations, arithmetic and others."""

from torch import nn

# Classes in torch's module of activation functions that are not elementwise.
MIXING_ACTIVATIONS = ("MultiheadAttention", "Softmax", "Softmax2d", "Softmin", "LogSoftmax", "GLU")
ACTIVATIONS = frozenset(
    {"relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "celu", "selu", "gelu", "silu", "mish"}
    | {"hardswish", "hardsigmoid", "hardtanh", "sigmoid", "tanh", "softplus", "softsign"}
)
ARITHMETIC = frozenset(
    {"add", "sub", "mul", "div", "truediv", "floordiv", "pow", "neg", "abs", "exp", "log", "sqrt"}
    | {"rsqrt", "square", "clamp", "maximum", "minimum", "where", "lerp", "addcmul"}
    | {"to", "type_as", "float", "half", "bfloat16", "double", "detach", "clone", "contiguous"}
)
# Operations that do nothing in evaluation mode, or only mix the channels of one position.
LOCAL = frozenset(
    {"Identity", "Dropout", "Dropout2d", "AlphaDropout", "FeatureAlphaDropout", "dropout"}
    | {"dropout2d", "alpha_dropout", "feature_alpha_dropout", "stochastic_depth"}
    | {"LocalResponseNorm", "local_response_norm", "ChannelShuffle", "channel_shuffle"}
)
POINTWISE = ACTIVATIONS | ARITHMETIC | LOCAL


def is_activation(module: nn.Module | None) -> bool:
    """Whether a module is an elementwise activation function of torch, such as ReLU."""
    if module is None or type(module).__module__ != "torch.nn.modules.activation":
        return False
    return type(module).__name__ not in MIXING_ACTIVATIONS
