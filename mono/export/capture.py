"""Capture models as graphs, and convert them to the formats of files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mono.conversion.signature import Signature
from mono.geometry.camera import Camera
from mono.system.errors import BackendError, MetricDepthError, one_line

if TYPE_CHECKING:
    import torch

    from mono.export.options import ExportOptions
    from mono.inference.network import NetworkPredictor

Write = Callable[[Path, dict[str, Any]], None]
_TRACED = Camera(fx=260.0, fy=262.0, cx=164.0, cy=121.0, width=330, height=240)


def capture(predictor: NetworkPredictor, kind: str, signature: Signature, options: ExportOptions) -> Write:
    """Capture a model; return the function that writes it.

    Args:
        predictor: the model, with the transform of the file.
        kind: format of the file.
        signature: inputs and outputs of the file.
        options: precision and opset.

    Raises:
        BackendError: the model cannot be written with these options, or its converter fails.
    """
    try:
        return _capture(predictor, kind, signature, options)
    except (MetricDepthError, OSError, MemoryError):
        raise
    except Exception as error:  # converters raise anything
        raise BackendError(
            f"{predictor.name} cannot be written as {kind}: the converter failed ({type(error).__name__}: "
            f"{one_line(error)[:200]}); "
            "choose another format, as onnx, or another version of the converter"
        ) from error


def _capture(predictor: NetworkPredictor, kind: str, signature: Signature, options: ExportOptions) -> Write:
    from mono.conversion.tracing import trace_quietly

    model, inputs = _model(predictor, signature)
    if kind == "litert":
        from mono.conversion.litert_file import to_litert, write_litert

        return partial(write_litert, to_litert(model, inputs))
    if kind == "torchscript":
        from mono.conversion.torch_file import write_torchscript

        script = trace_quietly(model, inputs) if signature.network_only else _script(predictor, model, signature)
        return partial(write_torchscript, script)
    if kind == "openvino" and signature.network_only:  # tracing is much faster than capturing a program
        return _to_openvino(trace_quietly(model, inputs), signature, _open_shapes(signature, inputs))
    program = _program(model, inputs, signature, predictor.transform.multiple)
    if kind == "openvino":
        return _to_openvino(program, signature)
    if kind == "coreml":
        from mono.conversion.coreml_file import to_coreml, write_coreml

        shapes = {name: tuple(x.shape) for name, x in zip(signature.inputs, inputs, strict=True)}
        return partial(write_coreml, to_coreml(program, shapes, signature.outputs, options.precision))
    if kind == "exported-program":
        from mono.conversion.torch_file import write_exported_program

        return partial(write_exported_program, program)
    from mono.conversion.onnx_file import in_half_precision, to_onnx, write_onnx

    onnx = to_onnx(program, signature.inputs, signature.outputs, options.opset)
    if options.precision == "float16":
        in_half_precision(onnx)
    return partial(write_onnx, onnx)


def _to_openvino(program: Any, signature: Signature, shapes: list[list[int]] | None = None) -> Write:
    from mono.conversion.openvino_file import to_openvino, write_openvino

    return partial(write_openvino, to_openvino(program, signature.inputs, signature.outputs, shapes))


def _model(predictor: NetworkPredictor, signature: Signature) -> tuple[torch.nn.Module, list[torch.Tensor]]:
    """Build a file's module, and inputs to capture it."""
    import torch

    from mono.conversion.end_to_end import EndToEndModel
    from mono.conversion.network_only import NetworkOnlyModel
    from mono.conversion.tracing import TRACED, StackedMaps, for_capture

    size = predictor.transform.crop_size if predictor.transform.fit == "pad" else None
    network: Any = for_capture(predictor.network, size)  # type: ignore[arg-type]
    count = () if signature.batch is None else (signature.batch or 2,)
    if signature.network_only:
        height, width = signature.size or TRACED
        image = torch.zeros(*count, *_axes(signature, height, width))
        point = [torch.zeros(*count, 2)] * (len(signature.inputs) - 1)
        return NetworkOnlyModel(network, signature).eval(), [image, *point]
    height, width = signature.size or (_TRACED.height, _TRACED.width)
    image = torch.randint(0, 256, (*count, *_axes(signature, height, width)), dtype=torch.uint8)
    model = EndToEndModel(StackedMaps(network).eval(), predictor.transform, signature).eval()
    return model, [image, torch.tensor(_TRACED.resized(width, height).intrinsics, dtype=torch.float32)]


def _axes(signature: Signature, height: int, width: int) -> tuple[int, int, int]:
    return (3, height, width) if signature.layout == "nchw" else (height, width, 3)


def _program(model: torch.nn.Module, inputs: list[torch.Tensor], signature: Signature, multiple: int) -> Any:
    import torch

    batched = signature.batch is not None
    batch: Any = torch.export.Dim("batch", min=1, max=1024) if signature.network_only else torch.export.Dim.DYNAMIC
    axes: dict[int, Any] = {0: batch} if signature.batch == 0 else {}
    if signature.size is None:
        first = int(batched) + int(signature.layout == "nchw")
        for axis, name in ((first, "rows"), (first + 1, "columns")):
            blocks = torch.export.Dim(name, min=2, max=1024)
            axes[axis] = multiple * blocks if signature.network_only else torch.export.Dim.DYNAMIC
    others: list[Any] = [{0: batch} if signature.network_only and signature.batch == 0 else None] * (len(inputs) - 1)
    with torch.no_grad():
        return torch.export.export(model, tuple(inputs), dynamic_shapes=(axes or None, *others))


def _open_shapes(signature: Signature, inputs: list[torch.Tensor]) -> list[list[int]]:
    """Return the shapes of a bare network's inputs, with -1 where any number will do."""
    image, *points = [list(x.shape) for x in inputs]
    if signature.size is None:
        first = 2 if signature.layout == "nchw" else 1
        image[first : first + 2] = [-1, -1]
    shapes = [image, *points]
    return [[-1, *shape[1:]] for shape in shapes] if signature.batch == 0 else shapes


def _script(predictor: NetworkPredictor, model: Any, signature: Signature) -> Any:
    """Script the transform, whose sizes follow from the camera."""
    import torch

    from mono.conversion.tracing import trace_quietly

    count = 1 if signature.batch is None else signature.batch or 2
    view = predictor.transform.view(_TRACED)
    model.network = trace_quietly(model.network, [torch.zeros(count, 3, *view.input_size), torch.zeros(count, 2)])
    return torch.jit.script(model)
