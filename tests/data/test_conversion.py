"""Pictures of any size become 28×28 by the rules of docs/data-sets.md."""

import numpy as np
import pytest

from mnist_pipeline.data.conversion import fitted


@pytest.mark.parametrize(
    ("shape", "rows", "columns"), [((60, 120), 14, 28), ((9, 3), 28, 9), ((3, 300), 1, 28)]
)
def test_the_aspect_is_kept_and_the_rest_is_the_colour_of_the_border(shape, rows, columns):
    picture = np.full(shape, 90, np.uint8)
    picture[1:-1, 1:-1] = 200
    found = fitted(picture, "whole")
    assert found[0, 0] == found[-1, -1] == 90
    inked = found > 90
    assert inked.any(axis=1).sum() <= rows
    assert inked.any(axis=0).sum() <= columns


def test_a_small_picture_is_interpolated_linearly_and_a_large_one_averaged_over_areas():
    ramp = np.interp((np.arange(28) + 0.5) / 14 - 0.5, [0, 1], [0, 255])
    small = fitted(np.tile(np.array([0, 255], np.uint8), (2, 1)), "whole")
    np.testing.assert_allclose(small[14], ramp, atol=1)
    large = np.zeros((56, 56), np.uint8)
    large[:, 27:] = 255
    assert fitted(large, "whole")[14].tolist() == [0] * 13 + [128] + [255] * 14


def test_the_stripes_of_reduced_handwriting_stay_apart():
    page = np.zeros((60, 60), np.uint8)
    for column in range(11, 49, 4):
        page[10:50, column : column + 2] = 255
    # The height of 40 pixels becomes 20, around the middle of pixel 14.
    assert fitted(page, "mnist")[14].tolist() == [0] * 5 + [255, 0] * 9 + [255] + [0] * 4


def test_faint_ink_counts_for_the_size_of_handwriting():
    page = np.zeros((60, 60), np.uint8)
    page[10:50, 28:32] = 40
    page[28:32, 28:32] = 255
    assert (fitted(page, "mnist") > 0).any(axis=1).sum() == 21


def test_fainter_marks_than_a_tenth_do_not_count_for_the_size_of_handwriting():
    page = np.zeros((60, 60), np.uint8)
    page[10:50, 28:32] = 255
    before = fitted(page, "mnist")
    page[2, 2] = 25
    np.testing.assert_array_equal(fitted(page, "mnist"), before)


@pytest.mark.parametrize(("paper", "stroke"), [(127, 255), (128, 0)])
def test_ink_is_darker_than_light_paper_and_lighter_than_dark_paper(paper, stroke):
    page = np.full((60, 60), paper, np.uint8)
    page[20:40, 28:32] = stroke
    assert fitted(page, "mnist").max() == 255
    page[20:40, 28:32] = 255 - stroke
    assert not fitted(page, "mnist").any()


def test_the_ground_is_the_median_of_the_border_in_each_channel():
    picture = np.full((10, 30, 3), (10, 200, 90), np.uint8)
    picture[0, :9] = 255
    assert fitted(picture, "whole")[0, 0].tolist() == [10, 200, 90]
    page = np.full((60, 60), 200, np.uint8)
    page[:40, 28:32] = 50  # a stroke that touches the border
    assert set(fitted(page, "mnist")[:, 0]) == {0}
    assert fitted(page, "mnist").max() == 255


def test_rows_and_columns_of_handwriting_are_treated_alike(test):
    for image in test.images[:20]:
        page = np.pad(image.repeat(3, 0).repeat(3, 1), ((40, 30), (20, 10)))
        found, turned = fitted(page, "mnist"), fitted(np.ascontiguousarray(page.T), "mnist")
        np.testing.assert_allclose(turned.T.astype(int), found, atol=1)


@pytest.mark.parametrize("invert", [False, True], ids=["light ink", "dark ink"])
def test_handwriting_gets_the_form_of_mnist_wherever_it_lies_on_the_paper(test, invert):
    differences = []
    for image in test.images[:50]:
        page = np.pad(image.repeat(6, 0).repeat(6, 1), ((40, 300), (200, 10)))
        found = fitted(255 - page if invert else page, "mnist")
        rows, columns = np.nonzero(found >= 26)
        assert max(np.ptp(rows), np.ptp(columns)) <= 21
        mass = found.astype(float)
        centre = [(mass.sum(axis=axis) @ (np.arange(28) + 0.5)) / mass.sum() for axis in (1, 0)]
        assert np.abs(np.array(centre) - 14.5).max() < 0.6
        differences.append(np.abs(found.astype(int) - image).mean())
    assert np.median(differences) < 12


def test_blank_paper_is_blank():
    assert not fitted(np.full((50, 80), 240, np.uint8), "mnist").any()
