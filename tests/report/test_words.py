"""Numbers in words, and templates that get all their numbers."""

import jinja2
import pytest

from mnist_pipeline.report import words


def test_a_share_of_a_small_sample_has_a_wide_interval():
    assert words.estimate(0.98, 100) == "98.0% (93.0% – 99.4%)"
    assert words.estimate(0.98, 10_000) == "98.0% (97.7% – 98.3%)"


def test_the_recipe_of_a_model_names_a_setting_that_is_zero():
    assert words.recipe_in_words({"config": None, "recipe": None, "seed": 0}) == "seed 0"


def test_a_name_has_the_article_that_is_spoken_before_it():
    said = [words.with_article(name) for name in ("7", "8", "Ankle boot", "coat")]
    assert said == ["a 7", "an 8", "an Ankle boot", "a coat"]


def test_names_of_models_become_short_titles():
    assert words.with_short_titles("the cnn stays, knn is worse") == "the CNN stays, k-NN is worse"


def test_a_number_that_is_missing_stops_the_page():
    template = words.environment().from_string("{{ data.train }}")
    assert template.render(data={"train": 7}) == "7"
    with pytest.raises(jinja2.UndefinedError):
        template.render(data={})
