from types import SimpleNamespace

import pytest

from mono.cli import console


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    return now


def test_a_line_says_done_of_total_rate_and_time_left(clock):
    line = console.ProgressLine(200)
    assert line.text(100.0) == "0/200 images"
    line.done = 40
    assert line.text(120.0) == "40/200 images, 2.0 images/s, 1 min 20 s left"
    line.done = 1
    assert line.text(120.0) == "1/200 images, 20.0 s per image, 1 h 6 min left"


def test_a_log_file_gets_a_line_every_ten_seconds(clock, capsys, monkeypatch):
    with console.progress_line(30, "frame") as line:
        for _ in range(30):
            clock[0] += 1
            line.update()
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and lines[0] == "11/30 frames, 1.0 frames/s, 19 s left"


def test_stages_follow_each_other(clock, capsys):
    line = console.ProgressLine(0, "frame")
    for stage in ("smoothing", "video"):
        for done in (1, 2):
            clock[0] += 20
            line.step(stage, done, 2)
    assert [text.partition(":")[0] for text in capsys.readouterr().err.splitlines()] == ["smoothing", "video"]


def test_other_processes_show_nothing(clock, capsys):
    with console.progress_line(3, shown=False) as line:
        clock[0] += 100
        line.update(3)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("wide, doubt", [(0, ""), (2, "; 2 of them with a standard error over 20 %")])
def test_alignments_of_many_images_are_one_line(capsys, wide, doubt):
    errors = [0.5] * wide + [0.1] * (7 - wide)
    alignments = {f"{i}.jpg": {"scale": 1 + i / 10, "standard_error": error} for i, error in enumerate(errors)}
    console._say_alignments(SimpleNamespace(alignments=alignments))
    assert capsys.readouterr().out == f"  aligned: 7 images by factors of 1 to 1.6, median 1.3{doubt}\n"
