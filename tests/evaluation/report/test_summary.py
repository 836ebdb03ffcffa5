"""The table that an evaluation prints."""

from dataclasses import replace

import pytest

from mono.evaluation.metrics import ImageMetrics
from mono.evaluation.protocols import get_protocol
from mono.evaluation.report.summary import summary, table


def image(boundary_f1: float | None) -> dict[str, ImageMetrics]:
    names = ("sq_rel", "rmse", "rmse_log", "log10", "silog", "delta1", "delta2", "delta3")
    values = dict.fromkeys(names, 0.5)
    metric = ImageMetrics(pixels=100, abs_rel=0.1, log_bias=0.0, boundary_f1=boundary_f1, **values)
    return {"metric": metric, "median": metric}


def boundaries(*images: float | None) -> list[str]:
    lines = table({str(i): image(value) for i, value in enumerate(images)}, get_protocol("none")).splitlines()
    return [line for line in lines if line.startswith("boundary")]


def test_boundaries_are_told_where_they_were_measured():
    assert boundaries(0.2, 0.4) == ["boundary F1: 0.300, edges of depth at the right pixel; mean of 2 images"]
    [line] = boundaries(0.2, None, 0.4, None)
    assert line.endswith("mean of 2 images; the other 2 have sparse ground truth or no edges")
    assert boundaries(None, None) == []


@pytest.mark.parametrize(
    ("missing", "share"), [((1, 0), "0.5"), ((100, 100), "100"), ((3, 4), "3.5"), ((7, None), "7"), ((0, 0), None)]
)
def test_missing_predictions_are_told_in_a_line(missing, share):
    results = {
        str(i): {tier: replace(metrics, missing=count) for tier, metrics in image(None).items()}
        for i, count in enumerate(missing)
    }
    lines = [line for line in table(results, get_protocol("none")).splitlines() if "prediction" in line]
    told = "% of the pixels with ground truth have no prediction and count as the nearest depth (0.001 m)"
    assert lines[1:] == ([] if share is None else [f"{share} {told}"])
    total = sum(count for count in missing if count is not None)
    pixels = 100 * sum(count is not None for count in missing)
    content = summary(results, get_protocol("none"))
    assert content["without_prediction"] == {"pixels": total, "share": total / pixels}
    assert content["per_image"]["0"]["metric"]["missing"] == missing[0]


def test_results_of_former_versions_do_not_say_what_is_missing():
    assert summary({"a": image(None)}, get_protocol("none"))["without_prediction"] is None
    assert "no prediction" not in table({"a": image(None)}, get_protocol("none"))


def test_the_heading_counts_images_that_failed_too():
    results = {"a": image(None), "b": image(None), "empty": None}
    assert table(results, get_protocol("none")).splitlines()[2] == "2 images with ground truth"
    assert table(results, get_protocol("none"), unscored=3).splitlines()[2] == "2 of 5 images with ground truth"
    content = summary(results, get_protocol("none"), 3)
    assert (content["images"], content["images_with_ground_truth"]) == (2, 5)
