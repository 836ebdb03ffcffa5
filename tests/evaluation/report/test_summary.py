"""The table that an evaluation prints."""

from mono.evaluation.metrics import ImageMetrics
from mono.evaluation.protocols import get_protocol
from mono.evaluation.report.summary import table


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
