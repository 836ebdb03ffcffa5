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
