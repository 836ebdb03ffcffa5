"""Convert networks to ONNX, write the files and run them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mono.conversion.providers import open_session
from mono.conversion.quiet import quiet
from mono.conversion.run_file import METADATA_KEY, RunFile
from mono.conversion.telemetry import import_onnxruntime
from mono.io.atomic import atomic_path, write_bytes
from mono.system.errors import BackendError
from mono.system.files import sha256

_ONE_FILE = 2_000_000_000  # [bytes] of weights that an ONNX file can hold
_WEIGHTS_KEY = f"{METADATA_KEY}_weights"  # metadata: SHA-256 of the file of weights


def to_onnx(program: Any, inputs: Sequence[str], outputs: Sequence[str] | None = None, opset: int | None = None) -> Any:
    """Convert a captured program to a `torch.onnx.ONNXProgram`.

    Args:
        program: a `torch.export.ExportedProgram`; it cannot be used again.
        inputs: names of the inputs.
        outputs: names of the outputs; None: torch chooses.
        opset: version of ONNX's operators; None: torch's choice.

    Raises:
        BackendError: the network cannot be written with these operators.
    """
    import torch

    with quiet():
        model = torch.onnx.export(
            program, dynamo=True, input_names=list(inputs), output_names=outputs and list(outputs), verbose=False,
            opset_version=opset,
        )  # fmt: skip
    assert model is not None
    if opset is not None and (found := model.model.opset_imports.get("")) != opset:
        raise BackendError(f"the network cannot be written in ONNX opset {opset}, only in {found}: leave out --opset")
    return model


def in_half_precision(model: Any) -> None:
    """Bring a converted network to half precision.

    Its inputs and outputs stay float32.

    Args:
        model: result of `to_onnx`, which is changed.
    """
    import onnx_ir

    import_onnxruntime()  # before its parts are
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model.model = onnx_ir.from_proto(convert_float_to_float16(model.model_proto, keep_io_types=True))


def write_onnx(model: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write the result of `to_onnx`.

    More than 2 GB of weights go into a file beside it, complete before the graph that refers to them appears.

    Args:
        model: the converted model.
        path: target file; the weights lie in `weights_path(path)` if they do not fit into it.
        metadata: JSON values, kept in the file.

    Raises:
        OSError: the file cannot be written, as on a full disk; nothing is left of it.
    """
    model.model.metadata_props[METADATA_KEY] = json.dumps(metadata)
    weights = [value.const_value for value in model.model.graph.initializers.values()]
    with quiet():
        if sum(weight.nbytes for weight in weights if weight is not None) < _ONE_FILE:
            write_bytes(path, model.model_proto.SerializeToString())
            return
        _write_pair(model.model, path)


def weights_path(path: Path) -> Path:
    """Return the path of a large file's weights."""
    return path.with_name(f"{path.name}.data")


def _write_pair(graph: Any, path: Path) -> None:
    import onnx
    import onnx_ir

    final = weights_path(path)
    with atomic_path(path) as draft, atomic_path(final) as weights:
        onnx_ir.save(graph, draft, external_data=weights.name)
        proto = onnx.load(draft, load_external_data=False)
        for tensor in proto.graph.initializer:
            for entry in tensor.external_data:
                if entry.key == "location":
                    entry.value = final.name
        proto.metadata_props.add(key=_WEIGHTS_KEY, value=sha256(weights))
        draft.write_bytes(proto.SerializeToString())
        path.unlink(missing_ok=True)  # at no moment does a graph lie beside the weights of another


def open_onnx(path: Path, device: str = "cpu") -> tuple[RunFile, str]:
    """Open an ONNX file on a device.

    It runs with as many threads as torch has now.

    Returns:
        Function that runs it, and the text of its metadata.

    Raises:
        ValueError: its file of weights is damaged.
    """
    session = open_session(path, device)
    values = session.get_modelmeta().custom_metadata_map
    if _WEIGHTS_KEY in values and sha256(weights_path(path)) != values[_WEIGHTS_KEY]:
        raise ValueError("the weights beside it have another checksum")
    names = [port.name for port in session.get_inputs()]

    def run(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run the session."""
        outputs: list[np.ndarray] = session.run(None, dict(zip(names, arrays, strict=True)))
        return outputs

    return run, values.get(METADATA_KEY, "")
