from __future__ import annotations

from dataclasses import replace

from mono.evaluation.normals.metrics import ImageNormals, NormalMetrics
from mono.evaluation.normals.tables import groups_of, normals_section, normals_summary, normals_table


def image(mean: float, pixels: int, predicted: str = "network", ground_truth: str = "annotation") -> ImageNormals:
    return ImageNormals(
        NormalMetrics(pixels, mean, mean, mean, 0.1, 0.2, 0.3, 0.4, 0.5), (0,) * 40 + (pixels,), predicted, ground_truth
    )


def test_sources_are_never_mixed() -> None:
    results = {
        "a": image(10, 100, ground_truth="depth"),
        "b": image(20, 100),
        "c": image(40, 300),
        "d": image(5, 10, predicted="depth"),
        "e": None,
    }
    assert [(group.predicted, group.ground_truth, len(group.images)) for group in groups_of(results)] == [
        ("network", "annotation", 2),
        ("depth", "annotation", 1),
        ("network", "depth", 1),
    ]
    lines = normals_table(results).splitlines()
    assert lines[0] == "normals: the network's normals against annotated ground truth, 2 images"
    assert lines[1].split() == ["mean", "median", "rmse", "<5°", "<7.5°", "<11.25°", "<22.5°", "<30°"]
    assert lines[2].split()[-8:] == ["30.00", "30.00", "30.00", "0.100", "0.200", "0.300", "0.400", "0.500"]
    assert lines[3].split()[-8:-5] == ["35.00", "10.12", "36.06"]  # root of (20^2 + 3 * 40^2) / 4
    assert "normals: normals from predicted depth against annotated ground truth, 1 image" in lines
    assert "normals: the network's normals against ground truth derived from depth, 1 image" in lines
    assert "images without a ground-truth normal that counts, left out here: 1 of 5: e" in lines
    assert lines[-1].endswith("pixels without a predicted normal count as 90°")


def test_the_doubt_about_derived_normals_is_said() -> None:
    def derived(window: int, noise: float | None) -> ImageNormals:
        return replace(image(10, 100, ground_truth="depth"), window=window, noise=noise)

    results = {"a": derived(9, 4.0), "b": derived(1, 1.0), "c": derived(9, 6.0), "d": derived(3, None)}
    doubt = "ground-truth depth as it is (1), averaged over 3x3 px (1), averaged over 9x9 px (2); "
    doubt += "averaging it more turns the ground-truth normals by 4.0° (median)"
    assert doubt in normals_table(results).splitlines()
    assert normals_summary(results)["groups"][0]["doubt"] == doubt
    assert normals_section(results).notes[1] == f"Ground truth derived from depth: {doubt}."
    assert "ground-truth depth" not in normals_table({"a": image(10, 100)})


def test_what_is_kept() -> None:
    found = normals_summary({"a": image(10, 100), "b": None})
    assert found is not None
    assert found["groups"][0]["per_image_mean"]["mean"] == 10
    assert found["groups"][0]["description"] == "the network's normals against annotated ground truth"
    assert found["without_valid_ground_truth"] == ["b"]
    assert found["per_image"]["a"]["ground_truth"] == "annotation" and "histogram" not in found["per_image"]["a"]


def test_without_any() -> None:
    assert normals_table({}) == "" and normals_summary({}) is None and normals_section({}) is None
    assert normals_table({"a": None}) == "images without a ground-truth normal that counts, left out here: 1 of 1: a"
