"""Choose the execution providers of ONNX Runtime by a device's name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mono.conversion.telemetry import import_onnxruntime
from mono.system.errors import BackendError

PROVIDERS = {
    "cpu": ("CPUExecutionProvider", "onnxruntime"),
    "cuda": ("CUDAExecutionProvider", "onnxruntime-gpu"),
    "tensorrt": ("TensorrtExecutionProvider", "onnxruntime-gpu and TensorRT's libraries"),
    "coreml": ("CoreMLExecutionProvider", "onnxruntime on macOS"),
    "directml": ("DmlExecutionProvider", "onnxruntime-directml on Windows"),
    "openvino": ("OpenVINOExecutionProvider", "onnxruntime-openvino"),
}  # name of the provider, and the package that has it


def open_session(path: Path, device: str = "cpu") -> Any:
    """Open an ONNX file on a device.

    It runs with as many threads as torch has now.

    Args:
        path: the file.
        device: one of `PROVIDERS`; "cuda:1" and "tensorrt:1" are the second GPU.

    Returns:
        The `onnxruntime.InferenceSession`.

    Raises:
        BackendError: ONNX Runtime has no such provider here, or the provider cannot start. It is never replaced by the
            CPU in silence.
    """
    import torch

    onnxruntime = import_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # a damaged file ends in one message, ours
    provider, settings = _provider(device, onnxruntime.get_available_providers())
    chosen = [(provider, settings)] + [("CPUExecutionProvider", {})] * (device != "cpu")  # the CPU has all operators
    session = onnxruntime.InferenceSession(str(path), options, providers=chosen)
    if session.get_providers()[0] != provider:
        raise BackendError(
            f"device {device}: ONNX Runtime {onnxruntime.__version__} has {provider}, but it did not start here: its "
            "libraries are missing or of other versions, or there is no such device. Use --device cpu"
        )
    return session


def _provider(device: str, available: list[str]) -> tuple[str, dict[str, str]]:
    kind, _, number = device.partition(":")
    if kind not in PROVIDERS or (number and not number.isdigit()):
        raise BackendError(f'device "{device}" is unknown to ONNX Runtime; use {", ".join(PROVIDERS)}')
    provider, package = PROVIDERS[kind]
    if provider not in available:
        raise BackendError(
            f"device {device} needs ONNX Runtime's {provider}, which this one lacks (it has {', '.join(available)}): "
            f"install {package} in place of onnxruntime, or use --device cpu"
        )
    return provider, {"device_id": number} if number else {}
