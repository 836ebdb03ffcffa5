"""Silence exporters."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator

_LOGGERS = ("torch.onnx", "torch.export", "onnxscript", "torch.jit", "onnx_ir", "coremltools", "litert_torch")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence exporters; their mistakes show in the file's check."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
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
