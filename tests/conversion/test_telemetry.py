import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import mono

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


ONNX_SCRIPT = """
import sys
import numpy as np
import onnx
from onnx import helper
from mono.conversion.providers import open_session
ports = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "graph", ports[:1], ports[1:])
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), sys.argv[1])
assert open_session(sys.argv[1]).run(None, {"x": np.ones(1, np.float32)})[0] == 1
"""


def test_onnx_runtime_is_imported_and_used_without_a_report(tmp_path):
    for module in ("onnx", "onnxruntime"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    hidden = ("CI", "TF_BUILD", "GITHUB_ACTIONS", "ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in hidden}
    environment |= {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    subprocess.run([sys.executable, "-c", ONNX_SCRIPT, tmp_path / "relu.onnx"], env=environment, check=True)
    assert not list(tmp_path.rglob("*onnxruntime*"))  # the identity and the reports that wait to be sent


def test_onnx_runtime_is_imported_in_one_place():
    importing = re.compile(r"^\s*(import|from) onnxruntime", re.MULTILINE)
    files = {path for path in Path(mono.__file__).parent.rglob("*.py") if importing.search(path.read_text("utf-8"))}
    assert {path.name for path in files} == {"telemetry.py", "onnx_file.py"}  # the latter a part, after the whole
