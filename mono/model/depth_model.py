"""Combine encoder and decoder: normalized pixels in, depth in the canonical camera out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from mono.model.detail_decoder import DetailDecoder
from mono.model.dinov2 import DinoV2Encoder
from mono.model.dpt_decoder import DptDecoder
from mono.model.efficientnet_lite import EfficientNetLite
from mono.model.encoder import TimmEncoder
from mono.model.hourglass import HourglassDecoder
from mono.model.lite_decoder import LiteDecoder
from mono.model.output import SKY_DEPTH, NetworkOutput, SkyMode
from mono.model.refinement_decoder import RefinementDecoder
from mono.system.errors import MetricDepthError


class DepthModel(nn.Module):
    """Encoder and decoder, without knowledge of cameras, files or configs.

    Args:
        encoder: maps images to feature maps.
        decoder: maps feature maps to depth, confidence and more.
        sky: depth of sky, of networks that predict sky, in evaluation mode: "invalid", "far" is `farthest`, "keep" is
            whatever the network predicts.
        farthest: canonical depth of far sky [m].
    """

    def __init__(self, encoder: nn.Module, decoder: nn.Module, sky: SkyMode = "invalid", farthest: float = SKY_DEPTH):
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder
        self.sky_depth = {"invalid": SKY_DEPTH, "far": farthest, "keep": None}[sky]

    @property
    def predicts_sky(self) -> bool:
        """Return True if the network predicts sky."""
        return hasattr(self.decoder, "sky_threshold") and getattr(self.decoder, "sky_head", self.decoder) is not None

    @property
    def uses_principal_point(self) -> bool:
        """Return True if the network uses the principal point."""
        return bool(getattr(self.decoder, "uses_principal_point", False))

    def forward(self, image: Tensor, principal_point: Tensor | None = None) -> NetworkOutput:
        """Compute the maps of images.

        Args:
            image: normalized RGB (B, 3, H, W); H and W are multiples of 32. A ViT takes any size, best multiples of 28:
                others are resized inside.
            principal_point: (B, 2) cx, cy [px of the input], for networks that use it; None: the center.
        """
        maps = self.encoder(image)
        decoded = self.decoder(maps, principal_point) if self.uses_principal_point else self.decoder(maps)
        output = self.with_sky(decoded if isinstance(decoded, NetworkOutput) else NetworkOutput(*decoded))
        size = image.shape[-2:]
        return output if output.depth.shape[-2:] == size else output.resized(size)

    def with_sky(self, output: NetworkOutput) -> NetworkOutput:
        """Give sky its depth, in evaluation mode."""
        if self.sky_depth is not None and self.predicts_sky and not self.training:
            return output.fill_sky(self.sky_depth, self.decoder.sky_threshold)  # type: ignore[arg-type]
        return output

    def half_weights(self) -> list[str]:
        """List the weights with which autocast computes in half precision."""
        single = tuple(f"decoder.{name}" for name in getattr(self.decoder, "in_float32", ()))
        kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
        modules = [n for n, m in self.named_modules() if isinstance(m, kinds) and not n.startswith(single)]
        own = self.state_dict()
        return [name for module in modules for leaf in ("weight", "bias") if (name := f"{module}.{leaf}") in own]


DECODERS: dict[str, Callable[..., nn.Module]] = {
    "DetailDecoder": DetailDecoder,
    "DptDecoder": DptDecoder,
    "HourglassDecoder": HourglassDecoder,
    "LiteDecoder": LiteDecoder,
    "RefinementDecoder": RefinementDecoder,
}


# Option of `build_depth_model`: the LiteDecoder's module that weights may lack.
HEADS = {"sky_widths": "sky_head", "edge_width": "edge_head", "near_blocks": "near"}


def build_depth_model(
    encoder: str,
    decoder: str,
    widths: Sequence[int],
    depth_range: tuple[float, float],
    iterations: int | None = None,
    sky_widths: Sequence[int] | None = None,
    edge_width: int | None = None,
    near_blocks: int | None = None,
    sky: SkyMode = "invalid",
    drop_path_rate: float = 0.0,
) -> DepthModel:
    """Build a network with random weights.

    Args:
        encoder: timm name of the encoder; a DINOv2 with registers for the RefinementDecoder, without for the
            DptDecoder.
        decoder: "DetailDecoder", "DptDecoder", "HourglassDecoder", "LiteDecoder" or "RefinementDecoder".
        widths: channel widths of the decoder.
        depth_range: nearest and farthest depth [m in canonical space].
        iterations: number of refinement steps; None: the decoder has no refinement.
        sky_widths: widths of the LiteDecoder's sky head; None: it has none.
        edge_width: width of the LiteDecoder's edge head; None: it has none.
        near_blocks: transformer blocks of the LiteDecoder's branch for near things; None: it has none.
        sky: depth of sky, see `DepthModel`.
        drop_path_rate: stochastic depth of the encoder while training.

    Raises:
        MetricDepthError: timm does not know the encoder, there is no such decoder, or the two do not go together.
    """
    if decoder not in DECODERS:
        raise MetricDepthError(f'there is no decoder "{decoder}"; known: {", ".join(DECODERS)}')
    refines, registers = decoder == "RefinementDecoder", "reg4_dinov2" in encoder
    dinov2 = "dinov2" in encoder
    if refines != registers or (decoder == "DptDecoder") != (dinov2 and not registers):
        raise MetricDepthError(
            f'decoder "{decoder}" does not work on encoder "{encoder}": DINOv2 with registers (reg4) goes with '
            "RefinementDecoder, without registers with DptDecoder, other encoders with neither"
        )
    if refines != (iterations is not None):
        raise MetricDepthError(
            f'decoder "{decoder}" ' + ("needs a number of iterations" if refines else "has no iterations")
        )
    heads = {"sky_widths": sky_widths, "edge_width": edge_width, "near_blocks": near_blocks}
    heads = {name: value for name, value in heads.items() if value is not None}
    if heads and decoder != "LiteDecoder":
        raise MetricDepthError(f'decoder "{decoder}" takes no {next(iter(heads))}: it is for the LiteDecoder')
    backbone: DinoV2Encoder | EfficientNetLite | TimmEncoder
    if encoder == "tf_efficientnet_lite0":
        backbone = EfficientNetLite(drop_path_rate)
    else:
        try:
            backbone = (DinoV2Encoder if dinov2 else TimmEncoder)(encoder, drop_path_rate)
        except RuntimeError as error:
            raise MetricDepthError(f'encoder "{encoder}": {error}') from error
    more: dict[str, Any] = {"iterations": iterations} if refines else {}
    built = DECODERS[decoder](backbone.channels, widths, depth_range, **more, **heads)
    return DepthModel(backbone, built, sky, depth_range[1])


def fit_heads(architecture: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Leave the parts of HEADS out of an architecture whose weights hold none.

    Args:
        architecture: arguments of `build_depth_model`.
        tensors: weights by name.
    """
    absent = [
        option for option, head in HEADS.items() if not any(name.startswith(f"decoder.{head}.") for name in tensors)
    ]
    return {**architecture, **dict.fromkeys(absent)}
