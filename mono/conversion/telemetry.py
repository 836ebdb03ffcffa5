"""Keep OpenVINO's converter from reporting its use over the network."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def without_telemetry() -> Iterator[None]:
    """Replace the reporting of `openvino.convert_model` by OpenVINO's own stub, which does nothing.

    Without it the converter sends usage data to its maker unless the user has opted out.
    """
    from openvino.tools.ovc import convert_impl, telemetry_stub, telemetry_utils

    modules = (convert_impl, telemetry_utils)
    former = [module.tm for module in modules]
    for module in modules:
        module.tm = telemetry_stub
    try:
        yield
    finally:
        for module, value in zip(modules, former, strict=True):
            module.tm = value
