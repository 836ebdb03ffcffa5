"""Names of outputs: simple where they can be, different always."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mono.data.sample import unique_names


def names(*paths: str) -> list[str]:
    return unique_names([(path, f"/id/{path}") for path in paths])


def test_simple_names_stay_simple() -> None:
    assert names("a.jpg", "rgb/0005.png", "b.c.jpg", "plain", ".hidden") == ["a", "rgb/0005", "b.c", "plain", ".hidden"]


def test_only_those_alike_get_their_suffix() -> None:
    assert names("a.jpg", "b.jpg", "a.png") == ["a_jpg", "b", "a_png"]


def test_names_alike_but_for_case_or_unicode_form() -> None:
    first, second = names("A.jpg", "a.jpg")
    assert first.startswith("A_jpg-") and second.startswith("a_jpg-") and first.casefold() != second.casefold()
    first, second = names("\u00e9.jpg", "e\u0301.jpg")
    assert first.split("-")[1] != second.split("-")[1]


def test_a_name_that_looks_like_an_added_suffix() -> None:
    a, b, c = names("a.jpg", "a.png", "a_jpg.bmp")
    assert (b, c) == ("a_png", "a_jpg_bmp")
    assert a.startswith("a_jpg-")


def test_names_stay_inside_the_output_folder() -> None:
    assert names("../x/a.jpg", "/abs/a.jpg", "./b.jpg") == ["_up/x/a", "abs/a", "b"]


def test_the_same_image_twice() -> None:
    with pytest.raises(ValueError, match="same identity"):
        unique_names([("a.jpg", "x"), ("b.jpg", "x")])


FOLDERS = st.sampled_from(["", "d/", "D/"])
SUFFIXES = st.sampled_from(["", ".jpg", ".JPG", ".png", "_jpg.png"])
PATHS = st.lists(st.builds("{}{}{}".format, FOLDERS, st.sampled_from("aAb"), SUFFIXES), unique=True, max_size=12)


@given(PATHS, st.randoms())
def test_different_and_independent_of_order(paths: list[str], random: object) -> None:
    named = dict(zip(paths, names(*paths), strict=True))
    assert len({name.casefold() for name in named.values()}) == len(paths)
    shuffled = paths[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert dict(zip(shuffled, names(*shuffled), strict=True)) == named
