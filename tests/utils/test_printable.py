"""Texts of other people in one line that steers no terminal."""

from mnist_pipeline.utils.printable import one_line, unknown


def test_a_message_in_one_line_has_no_character_that_steers_a_terminal():
    line = one_line(ValueError("no file\n \x1b[31mred\x07 \u202eback"))
    assert line.startswith("no file ")
    assert "red" in line
    assert line.isprintable()


def test_if_no_known_name_is_similar_the_first_ones_are_named():
    known = ["mlp", "cnn", "softmax", "knn"]
    assert "cnn, knn, mlp?" in unknown("zzzz", "a model", known)
    assert unknown("sotfmax", "a model", known).endswith("softmax?")
