"""Choose the form of an exported file, and refuse what a format or a model cannot do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mono.conversion.formats import FORMATS, missing_writers
from mono.conversion.signature import OUTPUTS, Layout, Signature
from mono.conversion.tracing import Centered
from mono.system.errors import BackendError

if TYPE_CHECKING:
    from mono.inference.network import NetworkPredictor

_HALF = ("onnx", "coreml")
_LARGEST_SIDE = 16384  # [px]
_OLDEST_OPSET = 18  # of torch's exporter


@dataclass(frozen=True)
class ExportOptions:
    """Form of an exported file.

    Attributes:
        network_only: write the network alone, with a file beside it that describes the rest; None: where the format has
            no other form.
        size: fixed (width, height) of the images, or of the network's input if it is alone [px]; None: any, where the
            network's input has no size of its own.
        batch: number of images; 0: any; None: any for networks alone (1 where the format needs a number), no such axis
            otherwise.
        layout: order of the axes; None: "nchw" for networks alone, else "nhwc".
        precision: "float32", or of networks alone "float16", in which they compute; inputs and outputs are float32.
        opset: version of ONNX's operators; None: the exporter's choice.
        input_name: name of the image.
        output_name: name of the depth.
        centered: leave out the principal point, which is taken to be the center of a bare network's input.
    """

    network_only: bool | None = None
    size: tuple[int, int] | None = None
    batch: int | None = None
    layout: Layout | None = None
    precision: str = "float32"
    opset: int | None = None
    input_name: str = "image"
    output_name: str = "depth"
    centered: bool = False


def resolve_signature(predictor: NetworkPredictor, kind: str, options: ExportOptions) -> Signature:
    """Return the inputs and outputs of a file.

    Args:
        predictor: the model.
        kind: format of the file.
        options: form of the file.

    Raises:
        BackendError: the format or the model does not go with an option; the message says which.
    """
    if kind not in FORMATS:
        raise BackendError(f'format "{kind}" is unknown; use {", ".join(FORMATS)}')
    if reason := missing_writers(kind):
        raise BackendError(reason)
    fixed = FORMATS[kind].network_only
    network_only = fixed if options.network_only is None else options.network_only
    if fixed and not network_only:
        raise BackendError(f"{kind} files hold the network alone: add --network-only")
    if options.precision not in ("float32", *(("float16",) if kind in _HALF else ())):
        raise BackendError(f"{kind} files have no {options.precision}; {' and '.join(_HALF)} files have float16")
    if options.precision == "float16" and not network_only:
        raise BackendError("float16 is for --network-only: the camera's arithmetic needs float32")
    if options.opset is not None and kind != "onnx":
        raise BackendError(f"--opset is for onnx files, not for {kind}")
    if options.opset is not None:
        _check_opset(options.opset)
    batch = options.batch if options.batch is not None else (None if not network_only else int(fixed))
    if batch is not None and not (0 <= batch <= 1024 and (batch or not fixed)):
        raise BackendError(f"batch is {batch}; {kind} files have {'1 to 1024' if fixed else '1 to 1024, or any (0)'}")
    if options.centered and not network_only:
        raise BackendError("--centered is for --network-only: photos come with their intrinsics")
    uses_point = bool(getattr(predictor.network, "uses_principal_point", False)) and not options.centered
    second = ("principal_point",) * uses_point if network_only else ("intrinsics",)
    signature = Signature(
        network_only=network_only,
        layout=options.layout or ("nchw" if network_only else "nhwc"),
        batch=batch,
        size=_size(predictor, options, network_only, fixed),
        inputs=(options.input_name, *second),
        outputs=(options.output_name, *_OTHERS[_channels(predictor)]),
    )
    names = (*signature.inputs, *signature.outputs)
    if len(set(names)) < len(names) or not all(name.isidentifier() for name in names):
        raise BackendError(f"the names {', '.join(names)} are not all different words of letters, digits and _")
    return signature


_OTHERS = {channels: names[1:] for channels, names in OUTPUTS.items()}


def _check_opset(opset: int) -> None:
    import onnx

    newest = onnx.defs.onnx_opset_version()
    if not _OLDEST_OPSET <= opset <= newest:
        raise BackendError(f"--opset is {opset}; this ONNX has {_OLDEST_OPSET} to {newest}")


def as_exported(predictor: NetworkPredictor, signature: Signature) -> NetworkPredictor:
    """Return the predictor that computes what a file does.

    It has the file's fixed input size, and not the inputs that the file lacks. A file with the transform in it resizes
    depth by interpolation alone.
    """
    if not signature.network_only:
        return predictor.unguided()
    if getattr(predictor.network, "uses_principal_point", False) and len(signature.inputs) == 1:
        predictor = replace(predictor, network=Centered(predictor.network))  # type: ignore[arg-type]
    if signature.size is None:
        return predictor
    return replace(predictor, transform=replace(predictor.transform, crop_size=signature.size, fit="pad"))


def _size(
    predictor: NetworkPredictor, options: ExportOptions, network_only: bool, fixed: bool
) -> tuple[int, int] | None:
    transform = predictor.transform
    if transform.fit == "stretch":
        raise BackendError(
            f"{predictor.name} cannot be exported: files cannot resize images as this network needs. Pad them to its "
            "input instead: add --fit pad"
        )
    vit = transform.multiple % 14 == 0
    if vit and transform.fit != "pad":
        raise BackendError(f"{predictor.name} is exported for an input of one size: leave out --fit {transform.fit}")
    if options.size is None:
        return transform.crop_size if network_only and (fixed or transform.fit == "pad") else None
    width, height = options.size
    multiple = transform.multiple if network_only else 1
    if not all(16 <= side <= _LARGEST_SIDE and side % multiple == 0 for side in (width, height)):
        what = f", multiples of {multiple}" if multiple > 1 else ""
        raise BackendError(f"--size is {width}x{height}; sides are 16 to {_LARGEST_SIDE} px{what}")
    return height, width


def _channels(predictor: NetworkPredictor) -> int:
    """Count a network's channels by running it."""
    import torch

    side = 2 * predictor.transform.multiple
    point = [torch.zeros(1, 2)] if getattr(predictor.network, "uses_principal_point", False) else []
    with torch.inference_mode():
        output = predictor.network(torch.zeros(1, 3, side, side), *point)
    return sum(m.shape[1] for m in output if m is not None)
