import functools
import importlib.util
import os
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch
from hypothesis import settings

from mono.conversion.formats import SUFFIXES
from mono.export.options import ExportOptions
from mono.export.write import export
from tests import toys
from tests.golden.checkpoints import reference_state

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # tests import it themselves
os.environ.setdefault("METRICDEPTH_BACKEND", "eager")  # no conversion in each test that runs a command
settings.register_profile("metricdepth", deadline=None, max_examples=60)  # a busy machine is no failure
settings.load_profile("metricdepth")


@pytest.fixture(scope="session", autouse=True)
def _threads():
    torch.set_num_threads(min(2, torch.get_num_threads()))


@pytest.fixture(scope="session", autouse=True)
def _torch_is_not_traced():
    """Coverage asks for lines of this package only, but tracing would double the time of what torch does in Python."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("export.export", "export.save", "export.load", "onnx.export", "jit.trace", "save", "load"):
            patch.setattr(f"torch.{name}", _untraced(functools.reduce(getattr, name.split("."), torch)))
        if importlib.util.find_spec("openvino"):
            import openvino

            patch.setattr(openvino, "convert_model", _untraced(openvino.convert_model))
        yield


def _untraced(function):
    @functools.wraps(function)
    def call(*args, **values):
        trace = sys.gettrace()
        sys.settrace(None)
        try:
            return function(*args, **values)
        finally:
            sys.settrace(trace)

    return call


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory):
    """convnext_tiny with reference weights, as released: with optimizer state beside it."""
    path = tmp_path_factory.mktemp("checkpoints") / "convtiny.pth"
    state = {"model_state_dict": reference_state("convnext_tiny"), "optimizer": {"lr": 1e-4}, "steps": 3}
    torch.save(state, path)
    return path


@pytest.fixture(scope="session")
def vit_checkpoint(tmp_path_factory):
    """vit_small with reference weights, as released."""
    path = tmp_path_factory.mktemp("checkpoints") / "metric_depth_vit_small_800k.pth"
    torch.save({"model_state_dict": reference_state("vit_small")}, path)
    return path


@pytest.fixture
def toy_predictor():
    return toys.toy_predictor()


@pytest.fixture
def toy(monkeypatch, toy_predictor):
    """Let commands load the toy, whatever model they are given."""
    monkeypatch.setattr("mono.cli.session.load_predictor", lambda *_, **__: toy_predictor)


@pytest.fixture(scope="session")
def fuzzer() -> ModuleType:
    """The script, as a module."""
    path = Path(__file__).parents[1] / "scripts" / "fuzz.py"
    spec = importlib.util.spec_from_file_location("fuzz", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz"] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


def open3d_or_skip():
    """open3d; the test is skipped where it is not installed, or the system lacks a library that it wants."""
    try:
        import open3d
    except (ImportError, OSError) as error:
        pytest.skip(f"open3d cannot be used: {error}", allow_module_level=True)
    return open3d


@pytest.fixture(scope="session")
def toy_file(tmp_path_factory):
    """Export the toy, each form once: a function of the format and its options to the file and its agreements."""
    made = {}

    def make(kind, fit="tight", network=None, **options):
        key = (kind, fit, network, *sorted(options.items()))
        if key not in made:
            toy = toys.toy_predictor(network and network())
            toy = replace(toy, transform=replace(toy.transform, fit=fit))
            path = tmp_path_factory.mktemp("toy") / f"toy{SUFFIXES[kind]}"
            made[key] = path, export(toy, kind, path, ExportOptions(**options))
        return made[key]

    return make
