"""Convert networks with a near branch to OpenVINO, which computes the branch for images that need it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mono.conversion.openvino_file import to_openvino
from mono.conversion.telemetry import import_openvino
from mono.conversion.tracing import TRACED, for_capture, trace_quietly
from mono.model.depth_model import DepthModel
from mono.model.lite_decoder import LiteDecoder
from mono.model.lite_hourglass import Decoded

_NAMES = ("image", "principal_point")


def has_near_branch(network: nn.Module) -> bool:
    """Return True if a network has a near branch."""
    return getattr(getattr(network, "decoder", None), "near", None) is not None


def to_openvino_with_branch(network: nn.Module) -> Any:
    """Convert a network with a near branch to an `openvino.Model` for inputs of any size.

    Where no image of a batch shows near things, the branch takes no time.

    Args:
        network: network in float32 and evaluation mode.
    """
    openvino = import_openvino()
    from openvino import opset13 as ops

    network = for_capture(network, None).eval()
    image, point = torch.zeros(2, 3, *TRACED), torch.zeros(2, 2)
    first, (share, *maps, coarse, fine, place, log_scale) = _traced(network, _first, [image, point])
    usual = [fine, place, log_scale]
    near, found = _traced(network, _near, [share, *maps[1:], *usual, point])
    last, _ = _traced(network, _last, [*maps[:4], coarse, fine, *found, point])

    inputs = first.get_parameters()
    ports = [result.input_value(0) for result in first.get_results()]
    usual_ports = ports[-3:]
    kept = [ops.parameter(port.partial_shape, np.float32) for port in usual_ports]
    far = openvino.Model([ops.result(parameter) for parameter in kept], kept, "far")
    largest = ops.reduce_max(ports[0], ops.constant(np.arange(4)), False)
    choice = ops.if_op(ops.greater(largest, ops.constant(np.float32(0))).output(0))
    choice.set_then_body(near)
    choice.set_else_body(far)
    values = [*ports[:1], *ports[2:6], *usual_ports, inputs[1].output(0)]
    for value, inside, outside in zip(values, near.get_parameters(), [*[None] * 5, *kept, None], strict=True):
        choice.set_input(value, inside, outside)
    chosen = [choice.set_output(*ends) for ends in zip(near.get_results(), far.get_results(), strict=True)]

    values = [*ports[1:5], *ports[6:8], *chosen, inputs[1].output(0)]
    for parameter, value in zip(last.get_parameters(), values, strict=True):
        parameter.output(0).replace(value)
    model = openvino.Model(last.get_results(), inputs, "network")
    for port, name in zip(model.inputs, _NAMES, strict=True):
        port.get_tensor().set_names({name})
    return model


class _Part(nn.Module):
    """Part of a network."""

    def __init__(self, network: nn.Module, compute: Callable[..., tuple[Tensor, ...]]):
        super().__init__()
        self.network = network
        self.compute = compute

    def forward(self, *values: Tensor) -> tuple[Tensor, ...]:
        """Compute this part."""
        return self.compute(self.network, *values)


def _traced(
    network: nn.Module, compute: Callable[..., tuple[Tensor, ...]], values: Sequence[Tensor]
) -> tuple[Any, tuple[Tensor, ...]]:
    """Convert a part of a network; return it with what it computes from the values."""
    shapes = [[-1, value.shape[1], *[-1] * (value.ndim - 2)] for value in values]
    part = _Part(network, compute).eval()
    with torch.no_grad():
        traced = trace_quietly(part, values)
        return to_openvino(traced, [f"value_{i}" for i in range(len(values))], shapes=shapes), part(*values)


def _decoder(network: DepthModel) -> LiteDecoder:
    assert isinstance(network.decoder, LiteDecoder)
    return network.decoder


def _first(network: DepthModel, image: Tensor, point: Tensor) -> tuple[Tensor, ...]:
    """Compute the near branch's share, the encoder's five maps and what the first hourglass found."""
    decoder = _decoder(network)
    assert decoder.near is not None
    maps = network.encoder(image)
    coarse, usual = decoder.decode(maps[-4:], point)
    return (decoder.near.share(decoder.log_depth(usual)), maps[0], *maps[-4:], coarse, *usual)


def _near(network: DepthModel, share: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
    """Replace what the first hourglass found."""
    *maps, fine, place, log_scale, point = values
    near = _decoder(network).near
    assert near is not None
    return near.take_over(share, Decoded(fine, place, log_scale), maps, point)


def _last(network: DepthModel, *values: Tensor) -> tuple[Tensor, ...]:
    """Compute the network's maps."""
    *maps, coarse, usual, fine, place, log_scale, point = values
    output = _decoder(network).finish(maps, coarse, usual, Decoded(fine, place, log_scale), point)
    return tuple(m for m in network.with_sky(output) if m is not None)
