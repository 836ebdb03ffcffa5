"""Providers of ONNX Runtime by the names of devices."""

import pytest

import mono
from mono.conversion.providers import PROVIDERS, open_session
from mono.system.errors import BackendError

onnxruntime = pytest.importorskip("onnxruntime")


def test_devices_that_are_not_there_are_named_with_their_package(toy_file):
    path, _ = toy_file("onnx", network_only=True)
    here = onnxruntime.get_available_providers()
    missing = [device for device, (provider, _) in PROVIDERS.items() if provider not in here]
    for device in missing:
        with pytest.raises(BackendError, match=f"device {device} needs ONNX Runtime's .*: install onnxruntime"):
            mono.load_model(path, device=device)
    with pytest.raises(BackendError, match='device "mps" is unknown to ONNX Runtime; use cpu, cuda, tensorrt'):
        mono.load_model(path, device="mps")
    assert mono.load_model(path, device="cpu").backend == "onnx"


class Session:
    """Session whose provider may not have started."""

    def __init__(self, path, options, providers):
        self.asked = providers

    def get_providers(self):
        return self.started


def test_a_provider_that_does_not_start_is_not_replaced_by_the_cpu(tmp_path, monkeypatch):
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    Session.started = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    session = open_session(tmp_path / "a.onnx", "cuda:1")
    assert session.asked == [("CUDAExecutionProvider", {"device_id": "1"}), ("CPUExecutionProvider", {})]
    Session.started = ["CPUExecutionProvider"]
    with pytest.raises(BackendError, match="has CUDAExecutionProvider, but it did not start here"):
        open_session(tmp_path / "a.onnx", "cuda")


def test_other_formats_run_on_the_cpu_only(toy_file):
    path, _ = toy_file("torchscript", fit="pad")
    with pytest.raises(BackendError, match="Leave out device cuda"):
        mono.load_model(path, trust=True, device="cuda")
