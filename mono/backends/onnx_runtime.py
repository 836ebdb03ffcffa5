"""ONNX Runtime computes the network."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mono.backends.base import Job, Network, cache_folder

if TYPE_CHECKING:
    from mono.model.depth_model import NetworkOutput

log = logging.getLogger(__name__)


def onnxruntime_network(job: Job) -> Network:
    """The network in ONNX Runtime, float32, with as many threads as torch has now.

    It is converted once and kept in the cache folder.
    """
    import onnxruntime

    from mono.export.formats import to_onnx, write_onnx
    from mono.export.networks import captured
    from mono.model.depth_model import NetworkOutput

    path = cache_folder("onnx") / f"{job.key()}.onnx"
    if not path.is_file():
        log.info("converting the network for ONNX Runtime, once")
        write_onnx(to_onnx(captured(job.network, job.input_size), ["input"]), path, {})
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def run(image: Tensor) -> NetworkOutput:
        return NetworkOutput(*map(torch.from_numpy, session.run(None, {"input": image.contiguous().numpy()})))

    return run
