from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mono.evaluation.comparison import compare_runs
from mono.evaluation.leaderboard import rank_runs
from mono.evaluation.metrics import ImageMetrics, compare, mean_over_images, pooled_over_pixels
from mono.evaluation.protocols import Protocol
from mono.evaluation.report.summary import write_metrics
from mono.evaluation.stored_run import ComparisonError, StoredRun, read_metrics

PROTOCOL = Protocol("own", max_depth=80)


def _image(abs_rel: float, pixels: int = 100, **others: float) -> ImageMetrics:
    values = dict.fromkeys(("sq_rel", "rmse", "rmse_log", "log10", "silog", "delta1", "delta2", "delta3"), 0.5)
    return ImageMetrics(pixels=pixels, abs_rel=abs_rel, log_bias=0.0, **{**values, **others})


def _run(values: dict[str, ImageMetrics], **protocol: object) -> StoredRun:
    fields = {"name": "own", "averaging": "image", "max_depth": 80, **protocol}
    return StoredRun(Path("metrics.json"), fields, {}, {name: {"metric": m} for name, m in values.items()})


def _of(comparison, metric, tier="metric"):
    return next(d for d in comparison.differences if (d.tier, d.metric) == (tier, metric))


@pytest.fixture(scope="module")
def random_pairs():
    generator = np.random.default_rng(0)
    base = generator.uniform(0.1, 0.4, 200)
    change = generator.normal(-0.02, 0.05, 200)
    return base, base + change


def _runs(pairs):
    return tuple(_run({f"{i}.png": _image(float(v)) for i, v in enumerate(values)}) for values in pairs)


def test_interval_is_that_of_the_mean_difference(random_pairs):
    found = _of(compare_runs(*_runs(random_pairs)), "abs_rel")
    changes = random_pairs[1] - random_pairs[0]
    deviation = changes.std() / np.sqrt(changes.size)
    assert found.difference == pytest.approx(changes.mean())
    # For a mean of 200 values, the bootstrap's interval is the normal one.
    assert found.low == pytest.approx(changes.mean() - 1.96 * deviation, abs=0.06 * deviation)
    assert found.high == pytest.approx(changes.mean() + 1.96 * deviation, abs=0.06 * deviation)
    assert found.better == "B"


def test_pairing_removes_what_images_have_in_common(random_pairs):
    found = _of(compare_runs(*_runs((random_pairs[0], random_pairs[0] + 0.001))), "abs_rel")
    # Images differ by 0.09, yet a constant change is certain.
    assert (found.low, found.high) == (pytest.approx(0.001), pytest.approx(0.001))
    assert found.better == "A"


def test_intervals_cover_the_truth_as_often_as_they_say():
    covered = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        a = generator.uniform(0.1, 0.4, 40)
        b = a + generator.normal(0.01, 0.03, 40)
        found = _of(compare_runs(*_runs((a, b)), resamples=400, seed=seed), "abs_rel")
        covered += found.low <= 0.01 <= found.high
    assert 0.88 <= covered / 200 <= 0.98


def test_seeded(random_pairs):
    runs = _runs(random_pairs)
    one, same, other = (compare_runs(*runs, resamples=500, seed=seed).differences for seed in (1, 1, 2))
    assert one == same
    assert one != other


@pytest.mark.parametrize(
    ("change", "better", "behind"),
    [
        (2e-7, "", False),
        (-2e-7, "", False),
        (4e-5, "", False),
        (-4e-5, "", False),
        (6e-5, "A", True),
        (-6e-5, "B", True),
    ],
)
def test_differences_that_round_to_zero_have_no_winner(change, better, behind):
    a, b = (_run({f"{i}": _image(0.1 + i / 100 + more) for i in range(5)}) for more in (0, change))
    found = _of(compare_runs(a, b, resamples=50), "abs_rel")
    assert found.difference == pytest.approx(change) and found.better == better
    assert [place.behind for place in rank_runs([a, b], resamples=50).tiers["metric"]] == [False, behind]


def test_higher_deltas_are_better():
    a = _run({str(i): _image(0.1, delta1=0.80) for i in range(4)})
    b = _run({str(i): _image(0.1, delta1=0.85) for i in range(4)})
    comparison = compare_runs(a, b, resamples=50)
    assert _of(comparison, "delta1").better == "B"
    assert _of(comparison, "abs_rel").better == ""


def test_averages_are_those_of_the_tables():
    generator = np.random.default_rng(3)
    images = {}
    for side in "ab":
        gts = [np.exp(np.random.default_rng(i).normal(1, 0.5, 20 + 30 * i)) for i in range(6)]
        images[side] = {str(i): compare(t * np.exp(generator.normal(0, 0.2, t.size)), t) for i, t in enumerate(gts)}
    for averaging, average in (("image", mean_over_images), ("pixel", pooled_over_pixels)):
        comparison = compare_runs(*(_run(images[s], averaging=averaging) for s in "ab"), resamples=200)
        for row in comparison.differences:
            for side, value in (("a", row.a), ("b", row.b)):
                assert value == pytest.approx(getattr(average(images[side].values()), row.metric), rel=1e-12)
            assert row.low <= row.difference <= row.high, row
        assert [row.metric for row in comparison.differences][-1] == "delta3"


def test_metrics_that_some_images_lack_are_compared_on_the_others():
    a = {"1": _image(0.1, boundary_f1=0.2), "2": _image(0.1), "3": _image(0.1, boundary_f1=0.4)}
    b = {"1": _image(0.1, boundary_f1=0.3), "2": _image(0.1, boundary_f1=0.9), "3": _image(0.1, boundary_f1=0.5)}
    found = _of(compare_runs(_run(a), _run(b), resamples=100), "boundary_f1")
    assert (found.images, found.a, found.b) == (2, pytest.approx(0.3), pytest.approx(0.4))


def test_other_protocols_are_refused():
    images = {"a": _image(0.1)}
    with pytest.raises(ComparisonError, match=r"max_depth is 80 in A, 50 in B"):
        compare_runs(_run(images), _run(images, max_depth=50))
    assert compare_runs(_run(images), _run(images, description="told otherwise"), resamples=1).names == ("a",)


def test_other_images_are_refused_unless_asked_for():
    a, b = _run({"x": _image(0.1), "y": _image(0.2)}), _run({"y": _image(0.3), "z": _image(0.2)})
    with pytest.raises(ComparisonError, match=r"1 in common, 1 only in .* 1 only in .*--common"):
        compare_runs(a, b)
    found = compare_runs(a, b, common=True, resamples=10)
    assert (found.names, found.only_a, found.only_b) == (("y",), ("x",), ("z",))
    assert _of(found, "abs_rel").difference == pytest.approx(0.1)
    with pytest.raises(ComparisonError, match="no image in common"):
        compare_runs(_run({"x": _image(0.1)}), _run({"z": _image(0.2)}), common=True)


def test_other_ground_truth_is_refused():
    with pytest.raises(ComparisonError, match=r"x: 100 pixels count .* 90 in .* ground truth"):
        compare_runs(_run({"x": _image(0.1)}), _run({"x": _image(0.1, pixels=90)}))


def test_dense_and_any_ground_truth_have_the_same_numbers_and_sparse_has_not():
    runs = {d: _run({"x": _image(0.1), "y": _image(0.2)}, ground_truth=d) for d in ("dense", "any", "sparse")}
    found = compare_runs(runs["any"], runs["dense"], resamples=5)
    assert _of(found, "abs_rel").difference == 0 and len(found.names) == 2
    with pytest.raises(ComparisonError, match="ground_truth is any in A, sparse in B"):
        compare_runs(runs["any"], runs["sparse"], resamples=5)


def _sums(images: dict[str, ImageMetrics], **checksums: str) -> StoredRun:
    return replace(_run(images), checksums=checksums)


def test_ground_truth_of_another_checksum_is_refused():
    images = {name: _image(0.1) for name in "xyz"}
    known, other = _sums(images, x="1", y="2", z="3"), _sums(images, x="1", y="2", z="4")
    with pytest.raises(ComparisonError, match=r"^z: its ground truth in .* \(1 of 3 images differ\)"):
        compare_runs(known, other)
    for former in (_sums(images), _sums(images, x="1")):  # of former versions, or resumed from one
        assert compare_runs(known, former, resamples=5).names == ("x", "y", "z")
    with pytest.raises(ComparisonError, match=r"^z: its ground truth in "):
        rank_runs([_sums(images), known, other], resamples=5)


def test_changes_are_in_order():
    a = _run({"same": _image(0.2), "worse": _image(0.1), "better": _image(0.3)})
    b = _run({"same": _image(0.2), "worse": _image(0.4), "better": _image(0.1)})
    changes = compare_runs(a, b, resamples=5).changes()
    assert changes == [("better", 0.3, 0.1), ("same", 0.2, 0.2), ("worse", 0.1, 0.4)]


def test_reads_what_an_evaluation_writes(tmp_path):
    results = {"a.png": {"metric": _image(0.1), "median": _image(0.05)}, "b.png": None}
    write_metrics(tmp_path / "metrics.json", results, PROTOCOL, {"model": "lite"})
    for path in (tmp_path, tmp_path / "metrics.json"):
        run = read_metrics(path)
        assert run.images == {"a.png": results["a.png"]}
        assert (run.protocol["name"], run.run["model"]) == ("own", "lite")
    comparison = compare_runs(run, run, resamples=20)
    assert {(d.tier, d.difference) for d in comparison.differences} == {("metric", 0.0), ("median", 0.0)}
    assert replace(comparison.differences[0], tier="").better == ""


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"per_image": {"a": 3}}', '{"per_image": {}, "protocol": 1}'])
def test_other_files_are_reported(tmp_path, text):
    (tmp_path / "metrics.json").write_text(text)
    with pytest.raises(ComparisonError, match=r"not the metrics\.json of an evaluation"):
        read_metrics(tmp_path)


def test_missing_files_and_bad_numbers_are_reported(tmp_path):
    with pytest.raises(ComparisonError, match="there is no such file"):
        read_metrics(tmp_path / "nothing.json")
    with pytest.raises(ComparisonError, match="0 resamples"):
        compare_runs(_run({"a": _image(1)}), _run({"a": _image(1)}), resamples=0)


def test_a_file_with_an_image_without_metrics_is_reported(tmp_path):
    content = {"protocol": {}, "per_image": {"a": {}}}
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    with pytest.raises(ComparisonError, match="image 'a' has no metrics by tier"):
        read_metrics(tmp_path)
