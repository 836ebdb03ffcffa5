"""Networks for one size and for all sizes."""

import numpy as np
import pytest

import mono
from mono.conversion import openvino_compiled
from mono.inference.autotune import job_of

openvino = pytest.importorskip("openvino")


def inputs(height, width):
    rng = np.random.default_rng(height)
    pixels = rng.uniform(-2, 2, (1, 3, height, width)).astype(np.float32)
    return [pixels, np.array([[width / 2 - 0.5, height / 2 - 0.5]], np.float32)]


@pytest.fixture(scope="module")
def lite():
    """`lite` as a model of OpenVINO."""
    from mono.conversion.openvino_file import to_openvino
    from mono.conversion.tracing import traced

    module, shapes = traced(job_of(mono.load_model("lite", device="cpu")).network, None)
    return to_openvino(module, ["image", "principal_point"], shapes=shapes)


@pytest.fixture
def compiled(lite, tmp_path, monkeypatch):
    monkeypatch.setenv("METRICDEPTH_CACHE", str(tmp_path))
    monkeypatch.setattr(openvino_compiled, "_OFTEN", 2)

    def make(model=lite, precision="float32"):
        return openvino_compiled.CompiledNetwork(openvino.Core(), model, precision)

    return make


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_network_for_one_size_computes_the_same_to_the_bit(compiled, precision):
    network = compiled(precision=precision)
    for size in ((64, 96), (128, 64)):
        for _ in range(4):
            found = network.run(inputs(*size))
        for own, general in zip(found, network.run_in_any_size(inputs(*size)), strict=True):
            np.testing.assert_array_equal(own, general)
    assert len(network._own) == 2


def test_sizes_that_come_often_get_a_network_of_their_own(compiled):
    network = compiled()
    sizes = [(64, 32 * n) for n in range(2, 8)]
    counts = []
    for _ in range(4):
        for size in sizes:
            network.run(inputs(*size))
        counts.append(len(network._own))
    assert counts == [1, 1, 4, 4]
    assert [shapes[0] for shapes in network._own] == [(1, 3, *size) for size in sizes[:4]]


def test_a_large_network_is_held_twice_at_most(compiled, monkeypatch):
    monkeypatch.setattr(openvino_compiled, "_LARGE", 20 << 20)  # `lite` has 25 MB in float32
    network = compiled()
    for _ in range(4):
        for size in ((64, 64), (64, 96)):
            network.run(inputs(*size))
    assert [shapes[0] for shapes in network._own] == [(1, 3, 64, 64)]


def test_only_networks_that_will_be_needed_again_are_kept(compiled, lite, tmp_path):
    network = compiled()
    network.run(inputs(64, 96))
    assert not list(tmp_path.rglob("*.blob"))
    network.run(inputs(64, 64))  # by the network for all sizes
    assert len(list(tmp_path.rglob("*.blob"))) == 1
    fixed = lite.clone()
    fixed.reshape({0: [-1, 3, 64, 96], 1: [-1, 2]})
    compiled(model=fixed).run(inputs(64, 96))
    assert len(list(tmp_path.rglob("*.blob"))) == 2
