"""Prepare networks for exporters: tuples for outputs, fixed numbers for paddings."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mono.model.dinov2 import PATCH, DinoV2Encoder
from mono.system.errors import MetricDepthError

TRACED = (96, 160)  # (height, width) of networks with inputs of any size [px]


class Maps(nn.Module):
    """Network with a plain tuple of its maps as output."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network
        self.uses_principal_point = bool(getattr(network, "uses_principal_point", False))

    def forward(self, image: Tensor, principal_point: Tensor | None = None) -> tuple[Tensor, ...]:
        """Compute the maps that the network has.

        Args:
            image: normalized RGB (B, 3, H, W).
            principal_point: (B, 2) [px of the input]; ignored by networks that do not use it.
        """
        output = self.network(image, principal_point) if self.uses_principal_point else self.network(image)
        return tuple(m for m in output if m is not None)


class StackedMaps(Maps):
    """Network with all of its maps in one tensor (B, C, H, W) as output."""

    def forward(self, image: Tensor, principal_point: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """Compute all maps as channels of one tensor."""
        return torch.cat(super().forward(image, principal_point), 1)


class CroppedTransposedConv(nn.Module):
    """Transposed convolution without padding, cropped to what padding would leave: LiteRT knows none."""

    def __init__(self, conv: nn.ConvTranspose2d):
        super().__init__()
        self.start = int(conv.padding[0])  # that of both axes, in all networks here
        self.end = conv.output_padding[0] - self.start or None
        self.conv = copy.copy(conv)
        self.conv.padding = self.conv.output_padding = (0, 0)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W)."""
        return self.conv(x)[:, :, self.start : self.end, self.start : self.end]


class Centered(nn.Module):
    """Network that takes the principal point to be the center of its input."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> object:
        """Compute the network's maps of (B, 3, H, W)."""
        return self.network(image)


def for_capture(network: nn.Module, input_size: tuple[int, int] | None) -> nn.Module:
    """Copy a network with fixed paddings and position embeddings.

    Inputs are multiples of 32 where there are such convolutions, so all maps are even. Weights are shared. Paddings
    computed from the size cannot be captured for sizes that depend on a camera.

    Args:
        network: network in evaluation mode.
        input_size: (height, width) of all inputs [px]; None: any.

    Raises:
        MetricDepthError: a convolution has another stride than 2, or a dilation.
    """
    memo = {id(p): p for p in [*network.parameters(), *network.buffers()]}
    network = copy.deepcopy(network, memo)
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.Conv2d) and type(module).__name__ == "Conv2dSame":  # timm's: its import takes seconds
            parent, _, leaf = name.rpartition(".")
            setattr(network.get_submodule(parent), leaf, _padded(name, module))
        if isinstance(module, DinoV2Encoder) and input_size is not None:
            with torch.no_grad():
                module.fixed_positions = module.positions(*(-(-side // PATCH) for side in input_size)).contiguous()
    return network


def crop_transposed_convs(network: nn.Module) -> None:
    """Replace padded transposed convolutions of a network by `CroppedTransposedConv`."""
    for name, module in list(network.named_modules()):
        if isinstance(module, nn.ConvTranspose2d) and any(module.padding):
            parent, _, leaf = name.rpartition(".")
            setattr(network.get_submodule(parent), leaf, CroppedTransposedConv(module))


def _padded(name: str, module: nn.Conv2d) -> nn.Sequential:
    if tuple(module.stride) != (2, 2) or tuple(module.dilation) != (1, 1):
        raise MetricDepthError(f"{name} has stride {module.stride} and dilation {module.dilation}; it must be 2 and 1")
    sides = []
    for kernel in reversed(module.kernel_size):
        sides += [(kernel - 2) // 2, (kernel - 1) // 2]
    bias = module.bias is not None
    with torch.device("meta"):
        high, wide = module.kernel_size
        conv = nn.Conv2d(module.in_channels, module.out_channels, (high, wide), 2, groups=module.groups, bias=bias)
    conv.weight, conv.bias = module.weight, module.bias
    return nn.Sequential(nn.ZeroPad2d(tuple(sides)), conv).train(module.training)  # type: ignore[arg-type]


def trace_quietly(module: nn.Module, inputs: Sequence[Tensor]) -> torch.jit.ScriptModule:
    """Trace a module without gradients, and without the tracer's warnings."""
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings that tracing may not generalize: results are compared
        return torch.jit.trace(module, tuple(inputs), check_trace=False)


def traced(network: nn.Module, input_size: tuple[int, int] | None) -> tuple[torch.jit.ScriptModule, list[list[int]]]:
    """Trace a bare network, from `arrays_of` to its maps: much faster than `captured`, but unguarded.

    Args:
        network: network in float32 and evaluation mode.
        input_size: (height, width) of all inputs [px]; None: any multiple of 32 from 64.

    Returns:
        The traced module, and the shapes of its inputs, where -1 is any number.
    """
    vit = any(isinstance(module, DinoV2Encoder) for module in network.modules())
    height, width = input_size if vit and input_size is not None else TRACED
    maps = Maps(for_capture(network, input_size)).eval()
    inputs, shapes = [torch.zeros(2, 3, height, width)], [[-1, 3, *(input_size or (-1, -1))]]
    if maps.uses_principal_point:
        inputs.append(torch.zeros(2, 2))
        shapes.append([-1, 2])
    return trace_quietly(maps, inputs), shapes


def captured(network: nn.Module, input_size: tuple[int, int] | None) -> torch.export.ExportedProgram:
    """Capture a bare network, from `arrays_of` to its maps.

    Args:
        network: network in float32 and evaluation mode.
        input_size: (height, width) of all inputs [px]; None: any multiple of 32 from 64.
    """
    height, width = input_size or TRACED
    sizes: dict[int, object] = {0: torch.export.Dim("batch", min=1, max=1024)}
    if input_size is None:
        sizes |= {
            2: 32 * torch.export.Dim("rows", min=2, max=1024),
            3: 32 * torch.export.Dim("columns", min=2, max=1024),
        }
    inputs, shapes = [torch.zeros(2, 3, height, width)], [sizes]
    maps = Maps(for_capture(network, input_size)).eval()
    if maps.uses_principal_point:
        inputs.append(torch.zeros(2, 2))
        shapes.append({0: sizes[0]})
    with torch.no_grad():
        return torch.export.export(maps, tuple(inputs), dynamic_shapes=tuple(shapes))
