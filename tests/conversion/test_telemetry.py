import os
import subprocess
import sys

import pytest

SCRIPT = """
from concurrent.futures import ThreadPoolExecutor
import torch
from mono.conversion.openvino_file import to_openvino
from mono.conversion.telemetry import import_openvino
with ThreadPoolExecutor(8) as pool:
    assert len(set(pool.map(lambda _: import_openvino(), range(8)))) == 1
module = torch.jit.trace(torch.nn.Conv2d(3, 1, 1), torch.zeros(1, 3, 4, 4))
assert len(to_openvino(module, ["x"], shapes=[[1, 3, 4, 4]]).outputs) == 1
import openvino_telemetry
"""


def test_openvino_is_imported_and_used_without_a_report(tmp_path):
    pytest.importorskip("openvino_telemetry")
    environment = {name: value for name, value in os.environ.items() if name not in ("CI", "TF_BUILD", "JENKINS_URL")}
    environment |= {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}  # a report leaves an identity there
    subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=True)
    assert not (tmp_path / "intel").exists()
