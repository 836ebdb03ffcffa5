from __future__ import annotations

import json

import numpy as np
import pytest

from mono.cli.main import main
from mono.evaluation.metrics import evaluate_tiers
from mono.evaluation.protocols import Protocol, get_protocol
from mono.evaluation.report.summary import write_metrics


@pytest.fixture
def folder(tmp_path):
    def write(name, factor, protocol="none", images=12):
        results = {}
        for i in range(images):
            generator = np.random.default_rng(i)
            gt = np.exp(generator.normal(1, 0.4, (20, 30)))
            predicted = gt * factor * np.exp(generator.normal(0, 0.05))
            results[f"rgb/{i}.png"] = evaluate_tiers(predicted, gt, get_protocol(protocol))
        write_metrics(tmp_path / name / "metrics.json", results, get_protocol(protocol), {"model": name})
        return str(tmp_path / name)

    return write


def test_prints_a_table_and_writes_json(folder, tmp_path, capsys):
    a, b = folder("first", 1.3), folder("second", 1.1)
    assert main(["compare", a, b, "--json", str(tmp_path / "out.json"), "--resamples", "2000"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("protocol none: no crop")
    assert "(first)" in text and "(second)" in text and "12 images in both" in text
    content = json.loads((tmp_path / "out.json").read_text())
    row = next(r for r in content["differences"] if (r["tier"], r["metric"]) == ("metric", "abs_rel"))
    pairs = [tiers["metric"] for tiers in content["per_image"].values()]
    changes = [pair["b"]["abs_rel"] - pair["a"]["abs_rel"] for pair in pairs]
    assert row["difference"] == pytest.approx(np.mean(changes))
    assert row["low"] < row["difference"] < row["high"] < 0 and row["better"] == "B"
    line = next(line for line in text.splitlines() if line.startswith("abs_rel"))
    assert f"{row['a']:.4f}" in line and f"{row['difference']:+.4f}" in line and line.endswith("B is better")
    # A factor does not matter once images are aligned.
    aligned = [r for r in content["differences"] if r["tier"] == "median"]
    assert max(abs(r["difference"]) for r in aligned) < 1e-9
    assert content["bootstrap"] == {"resamples": 2000, "seed": 0, "interval_percent": 95}


def test_three_tiers_stand_apart(folder, capsys):
    assert main(["compare", folder("a", 1.2), folder("b", 1.0), "--resamples", "50"]) == 0
    lines = capsys.readouterr().out.splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith(("metric (", "median-aligned", "scale-and-shift"))]
    assert len(starts) == 3
    assert all(lines[i - 1] == "" and lines[i + 2].startswith("abs_rel") for i in starts)


def test_lists_the_images_that_change_most(folder, capsys):
    a, b = folder("a", 1.0), folder("b", 1.1)
    main(["compare", a, b, "--resamples", "10", "--images", "2"])
    lines = capsys.readouterr().out.splitlines()
    place = next(i for i, line in enumerate(lines) if line.startswith("AbsRel of each image"))
    changes = [float(line.split()[-1]) for line in lines[place + 1 :] if line.startswith("rgb/")]
    assert len(changes) == 4 and changes == sorted(changes)


def test_refusals_are_one_message(folder, capsys):
    a = folder("a", 1.0)
    assert main(["compare", a, folder("b", 1.0, protocol="diode")]) == 2
    assert "protocols" in capsys.readouterr().err
    c = folder("c", 1.0, images=9)
    assert main(["compare", a, c]) == 2
    assert "--common" in capsys.readouterr().err
    assert main(["compare", a, c, "--common", "--resamples", "10"]) == 0
    assert "9 images in both; left out: 3 only in A, 0 only in B" in capsys.readouterr().out
    assert main(["compare", a, "nowhere"]) == 2
    assert "nowhere: there is no such file" in capsys.readouterr().err


def test_control_characters_in_names_do_not_reach_the_terminal(tmp_path, capsys):
    gt = np.full((4, 4), 2.0)
    protocol = Protocol("own")
    results = {"a\x1b[2J\udcff.png": evaluate_tiers(gt * 1.1, gt, protocol)}
    write_metrics(tmp_path / "metrics.json", results, protocol, {})
    assert main(["compare", str(tmp_path), str(tmp_path), "--resamples", "5"]) == 0
    text = capsys.readouterr().out
    assert "a?[2J?.png" in text and "\x1b" not in text


def test_several_runs_are_ranked(folder, tmp_path, capsys):
    runs = [folder("third", 1.3), folder("best<b>", 1.02), folder("second", 1.15)]
    page, values = tmp_path / "board.html", tmp_path / "board.json"
    flags = ["--html", str(page), "--json", str(values), "--resamples", "500"]
    assert main(["compare", *runs, *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = lines.index("metric (as predicted)")
    assert [line.split()[0] for line in lines[at + 2 : at + 5]] == ["best<b>", "second", "third"]
    assert "clearly behind" in lines[at + 3] and "behind" not in lines[at + 2]
    content = json.loads(values.read_text())
    metric = content["tiers"]["metric"]
    for place, factor in zip(metric, (1.02, 1.15, 1.3), strict=True):
        assert place["metrics"]["abs_rel"] == pytest.approx(factor - 1, abs=0.06)
    gaps = [place["gap_to_best"] for place in metric]
    assert gaps[0]["difference"] == 0 and gaps[0]["low"] == gaps[0]["high"] == 0
    expected = metric[2]["metrics"]["abs_rel"] - metric[0]["metrics"]["abs_rel"]
    assert gaps[2]["difference"] == pytest.approx(expected) and gaps[2]["low"] < expected < gaps[2]["high"]
    # A factor does not matter once images are aligned: nobody is behind.
    assert [place["clearly_behind"] for place in content["tiers"]["median"]] == [False, False, False]
    html = page.read_text()
    assert "<script" not in html and "best&lt;b&gt;" in html and "best<b>" not in html
    assert html.index("best&lt;b&gt;") < html.index(">second<") < html.index(">third<")
    assert html.count("<svg") == 3


def test_models_without_a_unit_stand_in_aligned_tiers_alone(folder, tmp_path, capsys):
    runs = [folder("a", 1.1), folder("b", 1.2), folder("relative", 1.0)]
    path = tmp_path / "relative" / "metrics.json"
    content = json.loads(path.read_text())
    for tiers in content["per_image"].values():
        del tiers["metric"]
    path.write_text(json.dumps(content))
    assert main(["compare", *runs, "--json", str(tmp_path / "x.json"), "--resamples", "10"]) == 0
    tiers = json.loads((tmp_path / "x.json").read_text())["tiers"]
    assert {place["label"] for place in tiers["metric"]} == {"a", "b"}
    assert {place["label"] for place in tiers["median"]} == {"a", "b", "relative"}
    assert "relative" not in capsys.readouterr().out.split("median-aligned")[0]


def test_a_leaderboard_needs_the_same_images(folder, capsys):
    runs = [folder("a", 1.1), folder("b", 1.2), folder("few", 1.0, images=7)]
    assert main(["compare", *runs]) == 2 and "compare those in common with --common" in capsys.readouterr().err
    assert main(["compare", *runs, "--common", "--resamples", "10"]) == 0
    assert "7 images in all 3 runs; left out: 5 that not all have" in capsys.readouterr().out
    assert main(["compare", runs[0]]) == 2 and "two runs or more" in capsys.readouterr().err
    assert main(["compare", *runs[:2], folder("kitti", 1.0, "kitti_eigen_garg")]) == 2
    assert "protocols" in capsys.readouterr().err
