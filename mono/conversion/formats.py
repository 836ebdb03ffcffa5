"""The four kinds of files: writing a captured model with facts about it, and running what was written."""

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

from mono.io.atomic import atomic_path, write_bytes
from mono.system.errors import BackendError, MetricDepthError

SUFFIXES = {"onnx": ".onnx", "openvino": ".xml", "torchscript": ".ts", "exported-program": ".pt2"}
METADATA_KEY = "metricdepth"  # the name of the entry in a file's metadata that holds facts as JSON

ExportedModel = Callable[
    [np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]
]  # (image, intrinsics) to (depth, confidence)


def to_onnx(program: Any, inputs: Sequence[str], outputs: Sequence[str] | None = None) -> Any:
    """A `torch.export.ExportedProgram` as a `torch.onnx.ONNXProgram`. The program cannot be used again."""
    import torch

    with _quiet():
        return torch.onnx.export(
            program, dynamo=True, input_names=list(inputs), output_names=outputs and list(outputs), verbose=False
        )


def write_onnx(model: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Writes what `to_onnx` made, in one file."""
    model.model.metadata_props[METADATA_KEY] = json.dumps(metadata)
    with _quiet(), atomic_path(path) as temporary:
        model.save(str(temporary), external_data=False)


def to_openvino(program: Any, inputs: Sequence[str], outputs: Sequence[str] | None = None) -> Any:
    """A `torch.export.ExportedProgram` as an `openvino.Model`."""
    import openvino

    with _quiet():
        model = openvino.convert_model(program)
    for ports, names in ((model.inputs, inputs), (model.outputs, outputs)):
        for port, name in zip(ports, names or [], strict=bool(names)):
            port.get_tensor().set_names({name})
    return model


def write_openvino(model: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Writes OpenVINO's pair of files; the weights are beside `path`, as .bin, and there before what names them.

    Raises:
        BackendError: they cannot be written, as on a full disk.
    """
    import openvino

    model.set_rt_info(json.dumps(metadata), METADATA_KEY)
    with atomic_path(path) as graph, atomic_path(path.with_suffix(".bin")) as weights:
        try:
            openvino.serialize(model, graph, weights)
        except RuntimeError as error:  # all that it says of a full disk
            raise BackendError(f"{path} cannot be written: {str(error).strip()[:300]}") from error
        path.unlink(missing_ok=True)  # no moment has a graph with the weights of another


def write_torchscript(script: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Writes a `torch.jit.ScriptModule`."""
    import torch

    with _quiet(), atomic_path(path) as temporary:
        torch.jit.save(script, str(temporary), _extra_files={METADATA_KEY: json.dumps(metadata)})


def write_exported_program(program: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Writes a `torch.export.ExportedProgram`."""
    import torch

    buffer = io.BytesIO()
    with _quiet():
        torch.export.save(program, buffer, extra_files={METADATA_KEY: json.dumps(metadata)})
    write_bytes(path, buffer.getvalue())


def is_exported(path: str | Path) -> bool:
    """Whether a file's name is that of an exported model."""
    return Path(path).suffix in SUFFIXES.values()


def open_exported(path: Path, trust: bool = False) -> tuple[ExportedModel, dict[str, Any]]:
    """An exported model, ready to run, and the facts in it; it runs with as many threads as torch has now.

    Args:
        path: the file.
        trust: run a file of torch's: those hold code, which may do more than say depth.

    Raises:
        BackendError: the file is missing, cannot be read or was not exported by this package, what would run it is not
            installed, or it is a file of torch's that is not trusted.
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
        raise BackendError(f"{path} is damaged, or no {kind} file: {str(error).strip()[:300]}") from error
    if not text:
        raise BackendError(f"{path} was not written by `metricdepth export`: its metadata says nothing of a camera")
    return run, json.loads(text)


def _open_onnx(path: Path) -> tuple[ExportedModel, str]:
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors have no common class but this one
        raise MetricDepthError(str(error)) from error

    def run(image: np.ndarray, intrinsics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        depth, confidence = session.run(["depth", "confidence"], {"image": image, "intrinsics": intrinsics})
        return depth, confidence

    return run, session.get_modelmeta().custom_metadata_map.get(METADATA_KEY, "")


def _open_openvino(path: Path) -> tuple[ExportedModel, str]:
    import openvino
    import torch

    from mono.system.cache import cache_folder

    core = openvino.Core()
    model = core.read_model(path)
    settings = {
        "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY", "CACHE_DIR": str(cache_folder("openvino", "compiled")),
    }  # fmt: skip
    text = str(model.get_rt_info(METADATA_KEY).value) if model.has_rt_info(METADATA_KEY) else ""
    compiled = core.compile_model(model, "CPU", settings)

    def run(image: np.ndarray, intrinsics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = compiled([image, intrinsics])
        return outputs[0], outputs[1]

    return run, text


def _open_torchscript(path: Path) -> tuple[ExportedModel, str]:
    import torch

    files = {METADATA_KEY: ""}
    with _quiet():
        module = torch.jit.load(str(path), map_location="cpu", _extra_files=files)
    text: Any = files[METADATA_KEY]
    return _run_with_torch(module), text.decode() if isinstance(text, bytes) else text


def _open_exported_program(path: Path) -> tuple[ExportedModel, str]:
    import torch

    files = {METADATA_KEY: ""}
    with _quiet():
        module = torch.export.load(path, extra_files=files).module()
    return _run_with_torch(module), files[METADATA_KEY]


def _run_with_torch(module: Any) -> ExportedModel:
    import torch

    def run(image: np.ndarray, intrinsics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with torch.inference_mode():
            depth, confidence = module(torch.tensor(image), torch.tensor(intrinsics))
        return depth.numpy(), confidence.numpy()

    return run


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporters' advice to programmers: what they get wrong shows when the file is checked."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "torch.jit", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
