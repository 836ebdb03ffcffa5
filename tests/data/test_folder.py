"""Finding images: files, folders and patterns."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mono.data.folder import InputError, find_images, find_videos
from mono.data.intrinsics import warn_once
from mono.io.images import IMAGE_SUFFIXES


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in (
        "in/b.jpg",
        "in/a.PNG",
        "in/notes.txt",
        "in/.hidden.jpg",
        "in/sub/c.webp",
        "in/sub/deep/d.tif",
        "in/.cache/e.jpg",
        "other/a.jpg",
        "other/x.xyz",
        "empty/readme.md",
        "run/manifest.jsonl",
        "run/depth/a.png",
        "run/vis/a.jpg",
        "run/own.jpg",
        "plain/depth/a.png",
        "odd/[1].jpg",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found(*inputs: str | Path, recursive: bool = False) -> dict[str, str]:
    return {sample.name: sample.source for sample in find_images(inputs, recursive)}


def test_folder() -> None:
    assert found("in") == {"a": "in/a.PNG", "b": "in/b.jpg"}
    assert list(found("in", recursive=True)) == ["a", "b", "sub/c", "sub/deep/d"]
    assert list(found(".", recursive=True))[:2] == ["in/a", "in/b"]


def test_numbers_are_sorted_by_their_value(tmp_path: Path) -> None:
    names = ["a1.png", "a2.png", "a10.png", "b/1.png", "b/02.png", "b/2.png", "b/3x10.png"]
    shots = tmp_path / "shots"
    (shots / "b").mkdir(parents=True)
    for name in names:
        (shots / name).touch()
    assert [s.name for s in find_images([shots], recursive=True)] == [name[:-4] for name in names]
    assert [s.rgb.name for s in find_images([f"{shots}/a*.png"])] == names[:3]


def test_absolute_folder(files: Path) -> None:
    assert found(files / "in") == {"a": str(files / "in/a.PNG"), "b": str(files / "in/b.jpg")}


def test_several_folders_are_told_apart() -> None:
    assert found("in", "other") == {"in/a": "in/a.PNG", "in/b": "in/b.jpg", "other/a": "other/a.jpg"}
    assert list(found("plain/depth", "run/depth")) == ["plain/depth/a", "run/depth/a"]


def test_files_are_kept_whatever_they_are_and_in_order() -> None:
    assert found("in/notes.txt", "in/.hidden.jpg", "in/a.PNG") == {
        "notes": "in/notes.txt",
        ".hidden": "in/.hidden.jpg",
        "a": "in/a.PNG",
    }
    assert list(found("other/a.jpg", "in/a.PNG")) == ["other/a", "in/a"]


def test_each_image_once(files: Path) -> None:
    assert list(found("in/b.jpg", "in", "in/../in/b.jpg", files / "in", "in/*.jpg")) == ["b", "a"]


def test_patterns() -> None:
    assert found("in/*") == {"a": "in/a.PNG", "b": "in/b.jpg", "c": "in/sub/c.webp"}
    assert found("in/*.jpg") == {"b": "in/b.jpg"}
    assert found("other/*.xyz") == {"x": "other/x.xyz"}
    assert list(found("in/**/*.tif")) == ["d"]
    assert set(found("in/**").values()) == {"in/a.PNG", "in/b.jpg", "in/sub/c.webp", "in/sub/deep/d.tif"}
    assert found("odd/[1].jpg") == {"[1]": "odd/[1].jpg"}


def test_outputs_of_earlier_runs_are_left_out() -> None:
    assert list(found("run", recursive=True)) == ["own"]
    assert set(found("run/**/*.jpg").values()) == {"run/own.jpg"}
    assert list(found("plain", recursive=True)) == ["depth/a"]
    assert list(found("run/vis")) == ["a"]


def test_every_output_of_a_run_beside_the_photos_is_left_out(files: Path) -> None:
    names = ("mask/a.png", "sky/a.png", "normal/a.png", "normal_vis/a.jpg", "focal_sweep/top_view/a.png")
    for name in (*names, "depth_smooth/clip/0.png"):
        for folder in ("run", "plain"):
            (files / folder / name).parent.mkdir(parents=True, exist_ok=True)
            (files / folder / name).touch()
    assert list(found("run", recursive=True)) == ["own"]
    assert set(found("run/**").values()) == {"run/own.jpg"}
    assert len(found("plain", recursive=True)) == 7


def test_results_of_shards_are_left_out(files: Path) -> None:
    for name in ("in-00000/b.depth.png", "in-00000.parquet", "in-00000_stats.json", "sub_stats.json"):
        (files / "in" / name).parent.mkdir(exist_ok=True)
        (files / "in" / name).touch()
    (files / "in/in-00000_stats.json").write_text('{"format": 5, "shard": "in-00000", "settings": {}}')
    assert list(found("in", recursive=True)) == ["a", "b", "sub/c", "sub/deep/d"]


def test_same_stem_and_order_independence(files: Path) -> None:
    (files / "in/b.png").touch()
    assert found("in") == {"a": "in/a.PNG", "b_jpg": "in/b.jpg", "b_png": "in/b.png"}
    assert set(found("in/b.png", "in/b.jpg")) == {"b_jpg", "b_png"}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "no input is given"),
        (["gone"], "gone: there is no such file or folder"),
        (["gone", "in", "missing/*.png"], "missing/*.png: this pattern matches no image"),
        (["in/*.bmp"], "matches no image"),
        (["empty"], "empty: there are no images in this folder; suffixes looked for: .apng .avif"),
        (["plain"], "there are some in its subfolders: predict --recursive takes them"),
    ],
)
def test_nothing_found(inputs: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        find_images(inputs)
    assert message in str(caught.value)


def test_one_empty_folder_among_others_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert list(found("empty", "other")) == ["other/a"]
    assert "empty: there are no images" in caplog.text


def test_images_in_subfolders_are_counted_one_level_deep(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("in/sub/d.jpg", "in/depth/a.png", "in/manifest.jsonl", "in/notes/.a.png"):
        (files / name).parent.mkdir(exist_ok=True)
        (files / name).touch()
    assert list(found("in")) == ["a", "b"]
    assert caplog.messages[1:] == ["in: 2 images in its subfolders are passed over: predict --recursive takes them"]
    caplog.clear()
    assert list(found("in/sub")) == ["c", "d"]
    assert caplog.messages == ["in/sub: 1 image in its subfolders is passed over: predict --recursive takes them"]
    caplog.clear()
    assert len(found("in", recursive=True)) == 5
    assert not any("subfolders" in message for message in caplog.messages)


def test_a_folder_of_subfolders_is_refused_once(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(InputError) as caught:
        find_images(["plain"])
    assert str(caught.value).count("plain: there are no images in this folder") == 1 and not caplog.messages


def test_files_passed_over_are_counted_by_suffix(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("a.mov", "b.MOV", "c.txt", "readme", "camera.json", "a.camera.json"):
        (files / "in" / name).touch()
    assert list(found("in")) == ["a", "b"]
    assert list(found("in/*")) == ["a", "b", "c"]
    first, second = (message for message in caplog.messages if "5 files" in message)
    counts = "5 files without an image's suffix are passed over: .mov 2, .txt 2, without suffix 1"
    counts += "; give videos and images by name"
    assert first == f"in: {counts}"
    assert second == f"in/*: {counts}"


def test_every_image_suffix_is_found_in_folders(files: Path) -> None:
    for suffix in IMAGE_SUFFIXES:
        (files / f"kinds/{suffix[1:]}").mkdir(parents=True)
        (files / f"kinds/{suffix[1:]}/a{suffix.upper()}").touch()
        assert list(found(files / f"kinds/{suffix[1:]}")) == ["a"]


def test_a_folder_without_images_names_what_it_holds(files: Path) -> None:
    (files / "empty/clip.mp4").touch()
    with pytest.raises(InputError, match=r"passed over: \.md 1, \.mp4 1"):
        find_images(["empty"])


def test_videos_in_files_folders_and_patterns(files: Path) -> None:
    for name in ("clips/10.mp4", "clips/2.MOV", "clips/notes.txt", "in/film.mp4"):
        (files / name).parent.mkdir(exist_ok=True)
        (files / name).touch()
    assert find_videos(["clips"]) == ["clips/2.MOV", "clips/10.mp4"]
    assert find_videos(["clips/*"]) == ["clips/2.MOV", "clips/10.mp4"]
    assert find_videos(["clips/*.mp4", "clips/10.mp4"]) == ["clips/10.mp4"]
    assert find_videos(["in"]) == find_videos(["in/*"]) == find_videos(["in/b.jpg", "in/*.jpg"]) == []
    assert find_videos(["in/film.mp4", "in/*.mp4"]) == ["in/film.mp4"]
    with pytest.raises(InputError, match=r"gone\.mp4: there is no such file"):
        find_videos(["gone.mp4"])


def test_names_of_any_length_and_kind_raise_nothing(files: Path) -> None:
    for name in ("x" * 250, "\u5199" * 83, "new\nline"):
        (files / "odd" / f"{name}.jpg").touch()
    assert len(find_images(["odd"])) == 4
    for name in ("x" * 300, "a\0b"):
        with pytest.raises(InputError, match="there is no such file"):
            find_images([name])


def test_links_to_folders_are_named_and_not_followed(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    for link in ("in/elsewhere", "in/sub/again", "in/.unseen", "run/mask", "empty/link"):
        (files / link).symlink_to(files / "in", target_is_directory=True)
    warn_once.cache_clear()
    assert len(found("in", recursive=True)) == 4
    links = "in: 2 links to folders are passed over: in/elsewhere, in/sub/again; name those that are wanted as inputs"
    assert caplog.messages[0] == links
    caplog.clear()
    assert len(found("in")) == 2
    assert caplog.messages[0] == "in: a link to a folder is passed over: in/elsewhere; name it as an input to search it"
    caplog.clear()
    assert list(found("in/sub", "in/sub/again", "run", recursive=True))[-1] == "run/own"
    assert not any("link" in message and message.startswith(("in/sub: ", "run: ")) for message in caplog.messages)
    with pytest.raises(InputError, match="; links to folders, as empty/link, are searched where they are inputs"):
        find_images(["empty"])


def test_links_to_folders_of_videos_are_named(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    (files / "clips").mkdir()
    (files / "clips/a.mp4").touch()
    (files / "clips/more").symlink_to(files / "clips", target_is_directory=True)
    warn_once.cache_clear()
    assert find_videos(["clips"], recursive=True) == find_videos(["clips"], recursive=True) == ["clips/a.mp4"]
    assert caplog.messages == ["clips: a link to a folder is passed over: clips/more; name it as an input to search it"]
