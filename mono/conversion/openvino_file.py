"""Convert networks to OpenVINO, write the files and run them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mono.conversion.integrity import check_graph, seal_graph
from mono.conversion.quiet import quiet
from mono.conversion.run_file import METADATA_KEY, RunFile
from mono.conversion.telemetry import import_openvino, without_telemetry
from mono.io.atomic import atomic_path
from mono.system.errors import BackendError

logger = logging.getLogger(__name__)


def to_openvino(
    program: Any,
    inputs: Sequence[str],
    outputs: Sequence[str] | None = None,
    shapes: Sequence[Sequence[int]] | None = None,
) -> Any:
    """Convert a captured program or traced module to an `openvino.Model`.

    Args:
        program: a `torch.export.ExportedProgram`, or a traced module.
        inputs: names of the inputs.
        outputs: names of the outputs; None: they have none.
        shapes: shapes of a traced module's float32 inputs, where -1 is any number.
    """
    openvino = import_openvino()

    given = {} if shapes is None else {"input": [(list(shape), np.float32) for shape in shapes]}
    with quiet(), without_telemetry():
        model = openvino.convert_model(program, **given)
    for ports, names in ((model.inputs, inputs), (model.outputs, outputs)):
        for port, name in zip(ports, names or [], strict=bool(names)):
            port.get_tensor().set_names({name})
    return model


def write_openvino(model: Any, path: Path, metadata: Mapping[str, Any]) -> None:
    """Write OpenVINO's pair of files.

    The weights (.bin, beside the graph) are complete before the graph that refers to them appears.

    Args:
        model: an `openvino.Model`.
        path: target file of the graph (.xml).
        metadata: JSON values, kept in the graph.

    Raises:
        BackendError: they cannot be written, as on a full disk; nothing is left of them.
    """
    openvino = import_openvino()

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


def open_openvino(path: Path) -> tuple[RunFile, str]:
    """Open an OpenVINO file on the CPU.

    It runs with as many threads as torch has now.

    Returns:
        Function that runs it, and the text of its metadata.
    """
    openvino = import_openvino()

    from mono.conversion.openvino_compiled import CompiledNetwork

    check_graph(path)
    core = openvino.Core()
    model = core.read_model(path)
    text = str(model.get_rt_info(METADATA_KEY).value) if model.has_rt_info(METADATA_KEY) else ""
    return CompiledNetwork(core, model, "float32").run, text
