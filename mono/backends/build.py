"""Build networks in backends."""

from __future__ import annotations

from mono.backends.base import Job, Network, require


def build(job: Job, backend: str, device: str = "cpu") -> Network:
    """Build a network in a backend.

    Args:
        job: the network.
        backend: name of the backend.
        device: kind of device, "cpu" or "cuda".

    Raises:
        BackendError: the backend cannot be used here; the message says what to do.
    """
    require(backend, job.precision, device)
    if backend == "eager":
        from mono.backends.torch_networks import eager

        return eager(job)
    if backend == "compile":
        from mono.backends.torch_networks import compiled

        return compiled(job)
    if backend == "onnxruntime":
        from mono.backends.onnx_runtime import OnnxRuntimeNetwork

        return OnnxRuntimeNetwork(job)
    from mono.backends.openvino_network import OpenVinoNetwork

    return OpenVinoNetwork(job)
