"""LiteRT and Core ML files: converted here, LiteRT run here, Core ML's description read here."""

import json

import numpy as np
import pytest

import mono
from mono.conversion.run_file import METADATA_KEY
from mono.geometry.camera import Camera
from mono.io.images import read_image
from mono.system.errors import BackendError
from tests.export.test_export import PHOTO
from tests.toys import ToyPoint, toy_predictor


def test_a_litert_file_is_the_model(toy_file):
    pytest.importorskip("litert_torch")
    path, agreements = toy_file("litert", network=ToyPoint, fit="pad", layout="nhwc")
    assert len(agreements) == 3 and max(a.depth for a in agreements) < 1e-3
    photo = read_image(PHOTO).rgb[:211, :307].copy()
    camera = Camera(333.0, 331.0, 150.0, 100.0, 307, 211)
    found = mono.load_model(path)
    assert found.backend == "litert" and found.network.uses_principal_point
    toy = toy_predictor(ToyPoint())
    expected = toy.__class__(**{**toy.__dict__, "transform": found.transform}).predict(photo, camera)
    np.testing.assert_allclose(found.predict(photo, camera).depth, expected.depth, rtol=1e-4)
    with pytest.raises(BackendError, match="Leave out device cuda"):
        mono.load_model(path, device="cuda")


@pytest.mark.parametrize("name", ["lite", "vit"])
@pytest.mark.slow
def test_real_networks_run_by_litert(network_file, name):
    pytest.importorskip("litert_torch")
    _, agreements = network_file(name, "litert")
    assert len(agreements) == 3 and all(a.within for a in agreements)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_core_ml_package_says_what_it_is(toy_file, precision):
    coremltools = pytest.importorskip("coremltools")
    path, agreements = toy_file("coreml", network=ToyPoint, fit="pad", precision=precision, output_name="meters")
    assert path.is_dir() and agreements == []  # it runs on a Mac only
    model = coremltools.models.MLModel(str(path), skip_model_load=True)
    spec = model.get_spec()
    ports = {p.name: list(p.type.multiArrayType.shape) for p in (*spec.description.input, *spec.description.output)}
    assert ports["image"] == [1, 3, 64, 96] and ports["principal_point"] == [1, 2] and "meters" in ports
    assert spec.WhichOneof("Type") == "mlProgram"
    metadata = json.loads(model.user_defined_metadata[METADATA_KEY])
    assert metadata["precision"] == precision and metadata["signature"]["outputs"] == ["meters", "confidence"]
    [function] = spec.mlProgram.functions.values()
    [block] = function.block_specializations.values()
    kinds = {output.type.tensorType.dataType for op in block.operations for output in op.outputs}
    half = coremltools.proto.MIL_pb2.DataType.Value("FLOAT16")
    assert (half in kinds) == (precision == "float16")
    with pytest.raises(BackendError, match="runs on macOS only"):
        mono.load_model(path)
