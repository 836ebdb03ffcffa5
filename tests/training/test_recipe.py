"""Recipes: files of values, checked at the door."""

from __future__ import annotations

import pytest

from mono.training.recipe import RECIPES, Recipe, read_recipe


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.py")), ids=lambda p: p.stem)
def test_every_recipe_of_the_package_can_be_read(path):
    recipe = read_recipe(path.stem)
    assert recipe.losses and recipe.lr > 0 and recipe.batch_size(recipe.sizes[0]) >= 2


def test_options_override_the_file():
    assert read_recipe("lite", {"lr": 0.5}).lr == 0.5
    assert read_recipe("lite", {"losses": {"vnl": 1.0}}).losses == {"vnl": 1.0}


@pytest.mark.parametrize(
    "options, expected",
    [
        ({"learning_rate": 1}, "no learning_rate"),
        ({"losses": {"nonsense": 1.0}}, "no loss nonsense"),
        ({"losses": {"silog": 0.0}}, "all losses have weight 0"),
        ({"sizes": [(0, 96)]}, "must be .height, width."),
        ({"sizes": []}, "sizes is empty"),
        ({"lr": "1e-3x"}, "lr is '1e-3x'; it must be of the type of 0.001"),
        ({"crops": [(1.2, 1.0)]}, "crop .1.2, 1.0. must be .share of an image's sides"),
        ({"crops": [(1.0, 0.0)]}, "crops give no share of images"),
        ({"batch_pixels": True}, "batch_pixels is True"),
        ({"zero_is_sky": 1}, "zero_is_sky is 1"),
        ({"light": 9}, "light is 9"),
        ({"new_sky": 1.5}, "new_sky is 1.5"),
        ({"mix_style": -0.1}, "mix_style is -0.1"),
        ({"lr": -1}, "lr is -1; it must be 0 to 10"),
        ({"lr": float("nan")}, "lr is nan"),
        ({"clip": 0}, "clip is 0"),
        ({"ema": 2}, "ema is 2; it must be 0 to 1"),
        ({"centred": 7}, "centred is 7"),
        ({"frozen_blocks": 99}, "frozen_blocks is 99"),
        ({"frozen_blocks": 2.5}, "frozen_blocks is 2.5"),
        ({"batch_pixels": -1}, "batch_pixels is -1"),
        ({"balance": -400}, "balance is -400"),
        ({"losses": {"silog": -1}}, "losses is {'silog': -1}; it must give each name, a text, a weight of 0 or more"),
        ({"family_weights": {1: 2.0}}, "family_weights is {1: 2.0}"),
        ({"losses": {"silog": "a"}}, "losses is {'silog': 'a'}"),
        ({"losses": 5}, "losses is 5"),
        ({"family_weights": 3}, "family_weights is 3"),
        ({"sizes": 5}, r"lite.py: sizes is 5; it must be a list of pairs, as \[\(288, 352\)\]"),
        ({"crops": [1, 2]}, r"crops is \[1, 2\]; it must be a list of pairs"),
        ({"trained": 5}, r"trained is \(5,\)"),
        ({"trained": [3]}, r"trained is \(3,\)"),
    ],
)
def test_what_is_wrong_is_named(options, expected):
    with pytest.raises(ValueError, match=expected):
        read_recipe("lite", options)


def test_one_part_to_train_may_be_named_without_a_list():
    assert read_recipe("lite", {"trained": "decoder.head"}).trained == ("decoder.head",)
    assert read_recipe("sky").trained == ("decoder.sky_head",) and read_recipe("sky").learns_sky


def test_an_unknown_recipe_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match=r"no recipe absent; the package has .*lite"):
        read_recipe("absent")


def test_a_name_never_means_a_file_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("lite", "lite.py", "finetune.py", "mine.py"):
        (tmp_path / name).write_text("lr = 0.25")
    assert read_recipe("lite").lr != 0.25 and read_recipe("finetune.py").lr != 0.25
    with pytest.raises(ValueError, match=r"no recipe mine\.py; .*by its path: \./mine\.py"):
        read_recipe("mine.py")
    assert read_recipe("./lite.py").lr == 0.25


def test_a_batch_has_two_images_at_least():
    assert Recipe(batch_pixels=1).batch_size((64, 64)) == 2
    assert Recipe(batch_pixels=10 * 64 * 64).batch_size((64, 64)) == 10
