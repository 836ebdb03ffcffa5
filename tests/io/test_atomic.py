from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mono.io.atomic import atomic_path, remove_stale_files, write_bytes


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_file_appears_whole_and_nothing_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "depth.png"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent
        assert temporary.suffix == ".png"
        assert temporary.name.startswith(".")
        temporary.write_bytes(b"new")
        assert not path.exists()
    assert path.read_bytes() == b"new"
    assert _names(path.parent) == ["depth.png"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_no_temporary(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "x.npy"
    write_bytes(path, b"old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert _names(tmp_path) == ["x.npy"]


def test_two_writers_of_one_path_do_not_share_a_temporary(tmp_path: Path) -> None:
    path = tmp_path / "x.ply"
    with atomic_path(path) as first, atomic_path(path) as second:
        assert first != second
        first.write_bytes(b"1")
        second.write_bytes(b"2")
    assert path.read_bytes() == b"1"


def test_the_longest_file_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 251 + ".png")
    write_bytes(path, b"1")
    assert path.read_bytes() == b"1"


def test_sweep_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom mono.io.atomic import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as temporary:\n    temporary.write_bytes(b'half')\n"
        "    print('ready', flush=True)\n    time.sleep(60)\n"
    )
    path = tmp_path / "depth" / "x.png"
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert len(_names(path.parent)) == 1
        assert remove_stale_files(tmp_path) == 0, "the process still writes it"
        process.kill()
    assert len(_names(path.parent)) == 1
    assert remove_stale_files(tmp_path, recursive=False) == 0
    assert remove_stale_files(tmp_path) == 1
    assert _names(path.parent) == []


def test_sweep_leaves_other_files_and_other_machines_fresh_ones(tmp_path: Path) -> None:
    fresh = tmp_path / ".mono-elsewhere-12-0123456789ab.png"
    old = tmp_path / ".mono-elsewhere-13-0123456789ab"
    other = tmp_path / ".mono-config"
    for path in (fresh, old, other):
        path.write_bytes(b"1")
    os.utime(old, (time.time() - 2 * 24 * 3600,) * 2)
    assert remove_stale_files(tmp_path) == 1
    assert _names(tmp_path) == sorted([fresh.name, other.name])


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "old.png").write_bytes(b"old")
    for name in ("old.png", "new.png"):  # the second one leads to no file
        link = tmp_path / name
        link.symlink_to(Path("disk") / name)
        write_bytes(link, b"new")
        assert not link.is_symlink() and link.read_bytes() == b"new"
    assert _names(tmp_path / "disk") == ["old.png"] and (tmp_path / "disk" / "old.png").read_bytes() == b"old"


def test_links_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "unmounted")
    (tmp_path / "file").write_bytes(b"")
    for path in ("out/b.png", "out/deeper/b.png"):
        with pytest.raises(FileNotFoundError, match=r"is a link to .*unmounted, which is missing: '.*/out'"):
            write_bytes(tmp_path / path, b"1")
    with pytest.raises(NotADirectoryError, match=r"not a folder: '.*/file'"):
        write_bytes(tmp_path / "file" / "b.png", b"1")
    assert _names(tmp_path) == ["file", "out"]


def test_errors_name_the_path_that_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "d.png"

    def fail(error: Exception) -> None:
        with atomic_path(path) as temporary:
            temporary.write_bytes(b"half")
            raise error

    with pytest.raises(OSError, match=r"No space left on device: '.*/d.png'$") as found:
        fail(OSError(errno.ENOSPC, "No space left on device"))
    assert found.value.filename == str(path) and _names(tmp_path) == []
    with pytest.raises(FileNotFoundError, match=r"other\.png"):
        fail(FileNotFoundError(errno.ENOENT, "No such file", "other.png"))
    path.mkdir()
    with pytest.raises(IsADirectoryError, match=r"Is a directory: '.*/d.png'$"):
        write_bytes(path, b"1")
    if Path("/proc/self").exists():
        with pytest.raises(OSError, match=r"'/proc/x.png'$"):
            write_bytes(Path("/proc/x.png"), b"1")


def test_sweep_of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert remove_stale_files(tmp_path / "none") == 0
