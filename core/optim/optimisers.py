"""Adam and plain gradient descent of torch, without the import of torch's compiler.

Methods of torch's optimisers are wrapped so that the compiler leaves them out. The wrappers import
the compiler (``torch._dynamo``), which takes a second before the first step. The classes here have
the same methods without the wrappers, so they compute the same.
"""

import inspect

import torch


class UncompiledOptimiser(torch.optim.Optimizer):
    """An optimiser that is never compiled."""

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)


class Adam(UncompiledOptimiser, torch.optim.Adam):
    """``torch.optim.Adam``."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class GradientDescent(UncompiledOptimiser, torch.optim.SGD):
    """``torch.optim.SGD``."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.SGD.step))
