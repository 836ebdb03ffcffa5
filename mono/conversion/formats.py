"""Write captured models with their metadata in four file formats, and run such files."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mono.conversion.integrity import check_archive, check_graph, checked_model, seal_graph
from mono.io.atomic import atomic_path, write_bytes
from mono.system.errors import BackendError

logger = logging.getLogger(__name__)
SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "torchscript": ".ts", "exported-program": ".pt2"}
METADATA_KEY = "metricdepth"  # name of the entry of a file's metadata that holds ours as JSON
_LONGEST_METADATA = 1_000_000  # [characters]
_ONE_FILE = 2_000_000_000  # [bytes] of weights that an ONNX file can hold

ExportedModel = Callable[
    [np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]
]  # (image, intrinsics) to (depth, confidence)


def to_onnx(program: Any, inputs: Sequence[str], outputs: Sequence[str] | None = None) -> Any:
    """Convert a `torch.export.ExportedProgram` to a `torch.onnx.ONNXProgram`.

    Args:
        program: captured model; it cannot be used again.
        inputs: names of the inputs.
        outputs: names of the outputs; None: torch chooses.
    """
    import torch

    with _quiet():
        return torch.onnx.export(
            program, dynamo=True, input_names=list(inputs), output_names=outputs and list(outputs), verbose=False
        )


def write_onnx(model: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write the result of `to_onnx`.

    Args:
        model: the converted model; more than 2 GB of weights lie in a file of their own beside `path`.
        path: target file.
        metadata: JSON values, kept in the file.

    Raises:
        OSError: the file cannot be written, as on a full disk; nothing is left of it.
    """
    model.model.metadata_props[METADATA_KEY] = json.dumps(metadata)
    weights = [value.const_value for value in model.model.graph.initializers.values()]
    with _quiet():
        if sum(weight.nbytes for weight in weights if weight is not None) < _ONE_FILE:
            write_bytes(path, model.model_proto.SerializeToString())
            return
        with atomic_path(path) as temporary:
            model.save(str(temporary), external_data=True)


def to_openvino(program: Any, inputs: Sequence[str], outputs: Sequence[str] | None = None) -> Any:
    """Convert a `torch.export.ExportedProgram` to an `openvino.Model`.

    Args:
        program: captured model.
        inputs: names of the inputs.
        outputs: names of the outputs; None: they have none.
    """
    import openvino

    from mono.conversion.telemetry import without_telemetry

    with _quiet(), without_telemetry():
        model = openvino.convert_model(program)
    for ports, names in ((model.inputs, inputs), (model.outputs, outputs)):
        for port, name in zip(ports, names or [], strict=bool(names)):
            port.get_tensor().set_names({name})
    return model


def write_openvino(model: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write OpenVINO's pair of files: the graph and, as .bin beside it, the weights.

    The weights are complete before the graph that refers to them appears.

    Args:
        model: an `openvino.Model`.
        path: target file of the graph (.xml).
        metadata: JSON values, kept in the graph.

    Raises:
        BackendError: they cannot be written, as on a full disk; nothing is left of them.
    """
    import openvino

    model.set_rt_info(json.dumps(metadata), METADATA_KEY)
    with atomic_path(path) as graph, atomic_path(path.with_suffix(".bin")) as weights:
        try:
            openvino.serialize(model, graph, weights)
            seal_graph(graph, weights)
            openvino.Core().read_model(graph, weights)  # a stream that ran full may have raised nothing
        except RuntimeError as error:  # OpenVINO has no other error for a full disk
            logger.debug("%s", path, exc_info=error)
            raise BackendError(f"{path} cannot be written: is the disk full, or the folder read-only?") from error
        path.unlink(missing_ok=True)  # at no moment does a graph lie beside the weights of another


def write_torchscript(script: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a `torch.jit.ScriptModule`.

    Args:
        script: the module.
        path: target file.
        metadata: JSON values, kept in the file.

    Raises:
        OSError: the file cannot be written, as on a full disk; nothing is left of it.
    """
    import torch

    buffer = io.BytesIO()  # torch's own writer ends the process when the disk is full
    with _quiet():
        torch.jit.save(script, buffer, _extra_files={METADATA_KEY: json.dumps(metadata)})
    write_bytes(path, buffer.getvalue())


def write_exported_program(program: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write a `torch.export.ExportedProgram`.

    Args:
        program: the captured model.
        path: target file.
        metadata: JSON values, kept in the file.

    Raises:
        OSError: the file cannot be written, as on a full disk; nothing is left of it.
    """
    import torch

    buffer = io.BytesIO()
    with _quiet():
        torch.export.save(program, buffer, extra_files={METADATA_KEY: json.dumps(metadata)})
    write_bytes(path, buffer.getvalue())


def is_exported(path: str | Path) -> bool:
    """Tell exported models from other files by their suffix."""
    return Path(path).suffix in SUFFIXES.values()


def open_exported(path: Path, trust: bool = False) -> tuple[ExportedModel, dict[str, Any]]:
    """Open an exported model; it runs with as many threads as torch has now.

    Args:
        path: the file.
        trust: run a file of torch's: those hold code, which can do anything.

    Returns:
        A function from an image (H, W, 3) uint8 and its intrinsics (4,) float32 to depth and confidence (H, W), and the
        file's metadata.

    Raises:
        BackendError: the file is missing, damaged or was not exported by this package, its runtime is not installed,
            or it is a file of torch's that is not trusted.
    """
    kind = next((kind for kind, suffix in SUFFIXES.items() if suffix == path.suffix), None)
    if kind is None:
        raise BackendError(f"{path}: an exported model ends in {', '.join(SUFFIXES.values())}")
    if not path.is_file():
        raise BackendError(f"there is no file {path}")
    if kind in ("torchscript", "exported-program") and not trust:
        raise BackendError(
            f"{path} is a program of torch's, which runs whatever code such a file holds. If you trust where it comes "
            "from, add --trust-model (trust=True in Python); ONNX and OpenVINO files are only data"
        )
    runner = {"onnx": "onnxruntime", "openvino": "openvino"}.get(kind)
    if runner and importlib.util.find_spec(runner) is None:
        raise BackendError(f'{path} is run by {runner}, which is not installed: pip install "metricdepth[{runner}]"')
    openers = {
        "onnx": _open_onnx, "openvino": _open_openvino, "torchscript": _open_torchscript,
        "exported-program": _open_exported_program,
    }  # fmt: skip
    try:
        run, text = openers[kind](path)
    except Exception as error:  # zip files, XML, protobuf and torch each have errors of their own
        logger.debug("%s", path, exc_info=error)
        raise BackendError(
            f"{path} is damaged, or no {kind} file that {runner or 'torch'} can run here: export it again"
        ) from error
    return checked_model(run, path), _parse_metadata(path, text)


def _parse_metadata(path: Path, text: str) -> dict[str, Any]:
    if not text:
        raise BackendError(f"{path} was not written by `metricdepth export`: it has no metadata about a camera")
    try:
        metadata = json.loads(text) if len(text) < _LONGEST_METADATA else None
    except (ValueError, RecursionError):
        metadata = None
    if not isinstance(metadata, dict):
        raise BackendError(f"{path} is damaged: its metadata is not a JSON object; export it again")
    return metadata


def _open_onnx(path: Path) -> tuple[ExportedModel, str]:
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # a damaged file ends in one message, ours
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(image: np.ndarray, intrinsics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Run the session."""
        depth, confidence = session.run(["depth", "confidence"], {"image": image, "intrinsics": intrinsics})
        return depth, confidence

    return run, session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "")


def _open_openvino(path: Path) -> tuple[ExportedModel, str]:
    import openvino
    import torch

    from mono.system.cache import cache_folder

    check_graph(path)
    core = openvino.Core()
    model = core.read_model(path)
    settings = {
        "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY", "CACHE_DIR": str(cache_folder("openvino", "compiled")),
    }  # fmt: skip
    text = str(model.get_rt_info(METADATA_KEY).value) if model.has_rt_info(METADATA_KEY) else ""
    compiled = core.compile_model(model, "CPU", settings)

    def run(image: np.ndarray, intrinsics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Run the compiled model."""
        outputs = compiled([image, intrinsics])
        return outputs[0], outputs[1]

    return run, text


def _open_torchscript(path: Path) -> tuple[ExportedModel, str]:
    import torch

    files = {METADATA_KEY: ""}
    check_archive(path)
    with _quiet():
        module = torch.jit.load(str(path), map_location="cpu", _extra_files=files)
    text: Any = files[METADATA_KEY]
    return _run_with_torch(module), text.decode() if isinstance(text, bytes) else text


def _open_exported_program(path: Path) -> tuple[ExportedModel, str]:
    import torch

    files = {METADATA_KEY: ""}
    check_archive(path)
    with _quiet():
        module = torch.export.load(path, extra_files=files).module()
    return _run_with_torch(module), files[METADATA_KEY]


def _run_with_torch(module: Any) -> ExportedModel:
    import torch

    def run(image: np.ndarray, intrinsics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Run the module."""
        with torch.inference_mode():
            depth, confidence = module(torch.tensor(image), torch.tensor(intrinsics))
        return depth.numpy(), confidence.numpy()

    return run


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporters' advice to programmers; their mistakes show when the file is checked."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "torch.jit", "onnx_ir")]
    levels = [silenced.level for silenced in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for silenced in loggers:
            silenced.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for silenced, level in zip(loggers, levels, strict=True):
                silenced.setLevel(level)
