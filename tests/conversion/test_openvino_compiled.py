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
    from mono.conversion.openvino_branch import to_openvino_with_branch

    return to_openvino_with_branch(job_of(mono.load_model("lite", device="cpu")).network)


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
        for own, general in zip(found, network.run_in_any_size([inputs(*size)])[0], strict=True):
            np.testing.assert_array_equal(own, general)
    assert len(network._own) == 2


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_images_that_are_computed_at_once_are_the_same_to_the_bit(compiled, precision, monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 3)
    network = compiled(precision=precision)
    assert network.at_once == 3
    images = [[pixels + i, point + i] for i, (pixels, point) in enumerate([inputs(64, 96)] * 7)]
    together = network.run_all(images)
    assert len(together) == 7 and len(together[0]) == 3 and not np.array_equal(together[0][0], together[1][0])
    alone = [network.run(image) for image in images]
    for found, expected in zip(together, alone, strict=True):
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_last_image_of_a_run_needs_no_network_of_its_own(compiled, monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    network = compiled()
    network.run_all([inputs(64, 96)] * 2)
    network.run(inputs(64, 96))
    assert [count for count, _ in network._own] == [2]
    network.run(inputs(64, 96))
    assert [count for count, _ in network._own] == [2, 1]


def test_one_thread_computes_one_image_after_another(compiled, monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    network = compiled()
    found = network.run_all([inputs(64, 96), inputs(64, 96)])
    assert network.at_once == 1 and np.array_equal(found[0][0], found[1][0])
    assert [count for count, _ in network._own] == [1]


def test_an_error_in_one_image_leaves_the_network_usable(compiled, monkeypatch):
    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    network = compiled()
    expected = network.run(inputs(64, 96))
    wrong = [inputs(64, 96)[0], np.zeros((1, 3), np.float32)]
    with pytest.raises(RuntimeError):
        network.run_all([inputs(64, 96), wrong])
    assert np.array_equal(network.run_all([inputs(64, 96)] * 2)[1][0], expected[0])


def test_sizes_that_come_often_get_a_network_of_their_own(compiled):
    network = compiled()
    sizes = [(64, 32 * n) for n in range(2, 8)]
    counts = []
    for _ in range(4):
        for size in sizes:
            network.run(inputs(*size))
        counts.append(len(network._own))
    assert counts == [1, 1, 4, 4]
    assert [shapes[0] for _, shapes in network._own] == [(1, 3, *size) for size in sizes[:4]]


def test_a_large_network_is_held_twice_at_most(compiled, monkeypatch):
    monkeypatch.setattr(openvino_compiled, "_LARGE", 20 << 20)  # `lite` has 25 MB in float32
    network = compiled()
    for _ in range(4):
        for size in ((64, 64), (64, 96)):
            network.run(inputs(*size))
    assert [shapes[0] for _, shapes in network._own] == [(1, 3, 64, 64)]


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
