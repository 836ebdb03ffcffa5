"""The C++ example: built against ONNX Runtime, its depth equals Python's."""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import mono
from mono.geometry.camera import Camera
from mono.io.depth import read_depth
from mono.io.images import read_image

ROOT = Path(__file__).parents[2]
# Names of the first entries of ONNX Runtime's table of functions, in their order, which never changes; those that the
# example calls have a signature. Where $ONNXRUNTIME_INCLUDE names ONNX Runtime's own headers, these are taken instead.
TABLE = {
    2: "const char* (*GetErrorMessage)(const OrtStatus*)",
    3: "OrtStatus* (*CreateEnv)(int, const char*, OrtEnv**)",
    7: "OrtStatus* (*CreateSession)(const OrtEnv*, const char*, const OrtSessionOptions*, OrtSession**)",
    9: "OrtStatus* (*Run)(OrtSession*, const void*, const char* const*, const OrtValue* const*, size_t, "
    "const char* const*, size_t, OrtValue**)",
    10: "OrtStatus* (*CreateSessionOptions)(OrtSessionOptions**)",
    49: "OrtStatus* (*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo*, void*, size_t, const int64_t*, size_t, "
    "int, OrtValue**)",
    51: "OrtStatus* (*GetTensorMutableData)(OrtValue*, void**)",
    69: "OrtStatus* (*CreateCpuMemoryInfo)(int, int, OrtMemoryInfo**)",
    93: "void (*ReleaseStatus)(OrtStatus*)",
}
TYPES = ("OrtStatus", "OrtEnv", "OrtSession", "OrtSessionOptions", "OrtMemoryInfo", "OrtValue")


def header() -> str:
    """The part of onnxruntime_c_api.h that the example uses."""
    entries = [f"    {TABLE.get(place, f'void* unused{place}')};" for place in range(max(TABLE) + 1)]
    return "\n".join(
        [
            "#pragma once", "#include <cstddef>", "#include <cstdint>", *(f"struct {name};" for name in TYPES),
            "enum { ORT_LOGGING_LEVEL_WARNING = 2, OrtArenaAllocator = 1, OrtMemTypeDefault = 0 };",
            "enum { ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1, ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 = 2 };",
            "struct OrtApi {", *entries, "};",
            "struct OrtApiBase { const OrtApi* (*GetApi)(uint32_t); const char* (*GetVersionString)(); };",
            'extern "C" const OrtApiBase* OrtGetApiBase();', "",
        ]
    )  # fmt: skip


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """Build the example."""
    onnxruntime = pytest.importorskip("onnxruntime")
    compiler = next(filter(None, map(shutil.which, (os.environ.get("CXX", "g++"), "g++", "clang++"))), None)
    libraries = sorted((Path(onnxruntime.__file__).parent / "capi").glob("libonnxruntime.so*"))
    if compiler is None or not libraries:
        pytest.skip("there is no C++ compiler" if compiler is None else "ONNX Runtime has no library to link to here")
    folder = tmp_path_factory.mktemp("cpp")
    include = os.environ.get("ONNXRUNTIME_INCLUDE")
    if not include:
        include = str(folder)
        (folder / "onnxruntime_c_api.h").write_text(header())
    library = folder / "libonnxruntime.so.1"  # the name that programs look for
    library.symlink_to(libraries[0])
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-I", include, f"-Wl,-rpath,{folder}"]
    command = [compiler, *flags, str(ROOT / "examples/cpp/depth.cpp"), str(library), "-o", str(folder / "depth")]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder / "depth"


def test_its_depth_is_python_s(program, toy_file, tmp_path):
    model, _ = toy_file("onnx")
    photo = read_image(ROOT / "data/wild_demo/leuven.jpg").rgb[:333, :411].copy()
    head = b"P6 # written by hand\n# of two lines\n411 333\n#\n255\n"
    (tmp_path / "photo.ppm").write_bytes(head + photo.tobytes())
    camera = Camera(300.0, 301.0, 205.5, 160.25, 411, 333)
    words = [program, model, tmp_path / "photo.ppm", *map(str, camera.intrinsics), tmp_path / "depth.pfm"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.startswith("center: "), done.stderr
    expected = mono.load_model(model).predict(photo, camera).depth
    np.testing.assert_array_equal(read_depth(tmp_path / "depth.pfm"), expected)


def test_its_errors_are_sentences(program, toy_file, tmp_path):
    (tmp_path / "bad.ppm").write_bytes(b"P6 10000 10000 255\nshort")
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    model = toy_file("onnx")[0]
    (tmp_path / "dot.ppm").write_bytes(b"P6 1 1 255\n000")
    for given, message in {
        "nan 1 1 1": "nan is no focal length [px]", "1 0 1 1": "0 is no focal length [px]", "1 1 f 1": "f is no center",
        "1480,0 1 1 1": "1480,0 is no focal length [px]", "1 1 1 inf": "inf is no center [px]",
    }.items():  # fmt: skip
        words = [program, model, tmp_path / "dot.ppm", *given.split(), tmp_path / "depth.pfm"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and message in done.stderr and not (tmp_path / "depth.pfm").exists()
    for first, second, message in (
        (model, tmp_path / "bad.ppm", "is cut off"),
        (model, tmp_path / "none.ppm", "is no binary PPM"),
        (tmp_path / "bad.onnx", tmp_path / "bad.ppm", "bad.onnx"),
    ):
        words = [program, first, second, "1", "1", "1", "1", tmp_path / "depth.pfm"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 1 and message in done.stderr and not (tmp_path / "depth.pfm").exists()
    assert subprocess.run([program], capture_output=True, check=False).returncode == 2


def test_it_is_short():
    assert len((ROOT / "examples/cpp/depth.cpp").read_text().splitlines()) < 110
