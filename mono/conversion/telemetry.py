"""Keep OpenVINO and ONNX Runtime from reporting their use over the network."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

_REPORTER = "openvino_telemetry"
_ORT_SWITCH = "ORT_DISABLE_TELEMETRY"  # read once a process, when ONNX Runtime is imported
_lock = threading.Lock()  # what is replaced here is the process's


def import_openvino() -> Any:
    """Import OpenVINO; it would tell its maker of that, unless the user has opted out.

    Where its reporter is missing, it takes a stub of its own that does nothing.
    """
    with _lock, contextlib.nullcontext() if "openvino" in sys.modules else _missing(_REPORTER):
        import openvino
    return openvino


def import_onnxruntime() -> Any:
    """Import ONNX Runtime without its reports, unless the user has set `ORT_DISABLE_TELEMETRY` to 0.

    Where the program imported it before, only what it has not sent yet can be held back.
    """
    is_wanted = os.environ.get(_ORT_SWITCH) == "0"
    if not is_wanted:
        os.environ[_ORT_SWITCH] = "1"  # no other value, as "true", switches them off
    import onnxruntime

    if not is_wanted:
        onnxruntime.disable_telemetry_events()  # of Windows, and where others imported it before
    return onnxruntime


@contextlib.contextmanager
def without_telemetry() -> Iterator[None]:
    """Replace the reporting of `openvino.convert_model` by the stub, where others imported OpenVINO before."""
    from openvino.tools.ovc import convert_impl, telemetry_stub, telemetry_utils

    modules = (convert_impl, telemetry_utils)
    with _lock:
        former = [module.tm for module in modules]
        for module in modules:
            module.tm = telemetry_stub
        try:
            yield
        finally:
            for module, value in zip(modules, former, strict=True):
                module.tm = value


@contextlib.contextmanager
def _missing(name: str) -> Iterator[None]:
    """Let imports find no module of a name."""
    modules: dict[str, ModuleType | None] = sys.modules  # type: ignore[assignment]
    former = modules.get(name)
    modules[name] = None
    try:
        yield
    finally:
        del modules[name]
        if former is not None:
            modules[name] = former
