"""Convert networks to Core ML, write the packages and, on a Mac, run them."""

from __future__ import annotations

import json
import platform
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mono.conversion.quiet import quiet
from mono.conversion.run_file import METADATA_KEY, RunFile
from mono.system.errors import BackendError


def to_coreml(
    program: Any, shapes: Mapping[str, Sequence[int]], outputs: Sequence[str], precision: str = "float32"
) -> Any:
    """Convert a captured program to a Core ML program.

    Args:
        program: a `torch.export.ExportedProgram` of fixed sizes.
        shapes: shapes of the float32 inputs by name.
        outputs: names of the outputs.
        precision: "float32" or "float16", in which the network computes; inputs and outputs are float32.
    """
    import coremltools

    precisions = {"float32": coremltools.precision.FLOAT32, "float16": coremltools.precision.FLOAT16}
    with quiet():
        return coremltools.convert(
            program.run_decompositions({}),
            inputs=[coremltools.TensorType(name, tuple(shape), np.float32) for name, shape in shapes.items()],
            outputs=[coremltools.TensorType(name, dtype=np.float32) for name in outputs],
            compute_precision=precisions[precision],
            minimum_deployment_target=coremltools.target.iOS16,
            skip_model_load=True,
        )


def write_coreml(model: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write the result of `to_coreml`, a folder.

    Args:
        model: the converted model.
        path: target folder.
        metadata: JSON values, kept in the package.

    Raises:
        OSError: the package cannot be written, as on a full disk; nothing is left of it.
    """
    model.user_defined_metadata[METADATA_KEY] = json.dumps(metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".mono-") as folder, quiet():
        whole = Path(folder) / path.name
        model.save(str(whole))
        if path.exists():
            shutil.move(path, Path(folder) / "before")
        whole.replace(path)


def open_coreml(path: Path) -> tuple[RunFile, str]:
    """Open a Core ML package; return its function and metadata."""
    import coremltools

    if platform.system() != "Darwin":
        raise BackendError(f"{path} runs on macOS only; here its network can run as another format, as onnx")
    model = coremltools.models.MLModel(str(path))
    description = model.get_spec().description
    inputs, outputs = [port.name for port in description.input], [port.name for port in description.output]

    def run(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Run the model."""
        found = model.predict(dict(zip(inputs, arrays, strict=True)))
        return [found[name] for name in outputs]

    return run, model.user_defined_metadata.get(METADATA_KEY, "")
