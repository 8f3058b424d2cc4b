"""What the benchmark of recognition counts, and the pictures that it reads."""

import json

import pytest

from benchmarks import archive
from benchmarks.archive import Example
from benchmarks.readers import Answer, Answers
from benchmarks.recognition import Score, score

BOXES = [(0, 0, 10, 20), (20, 0, 10, 20)]
FIRST, SECOND, BOTH, ELSEWHERE = *BOXES, (0, 0, 30, 20), (90, 90, 9, 9)


def answered(*answers: tuple[archive.Box, str, bool], is_warned: bool = False) -> Answers:
    return Answers([Answer(*answer) for answer in answers], is_warned)


@pytest.mark.parametrize(
    ("found", "right", "sure", "wrong"),
    [
        (answered((FIRST, "4", True), (SECOND, "7", False)), 2, 1, 0),
        (answered((SECOND, "7", True), (FIRST, "4", True)), 2, 2, 0),
        (answered((BOTH, "47", True)), 2, 2, 0),
        (answered((BOTH, "4", True)), 1, 1, 1),
        (answered((BOTH, "4", True), (ELSEWHERE, "1", False)), 1, 1, 1),
        (answered((FIRST, "9", True), (SECOND, "7", True)), 1, 1, 1),
        (answered((FIRST, "9", False), (SECOND, "7", True)), 1, 1, 0),
        (answered((FIRST, "4", True)), 1, 1, 1),
        (answered((FIRST, "4", False)), 1, 0, 0),
        (answered((FIRST, "4", True), is_warned=True), 1, 1, 0),
        (answered((FIRST, "4", True), (SECOND, "7", True), (ELSEWHERE, "1", True)), 2, 2, 1),
        (answered(), 0, 0, 2),
        (answered(is_warned=True), 0, 0, 0),
    ],
)
def test_what_is_right_sure_or_confidently_wrong(found, right, sure, wrong):
    example = Example("", b"", "47", BOXES)
    assert score(example, found, is_empty_wrong=True) == Score(2, right, sure, wrong)


def test_a_program_that_has_no_doubts_is_not_wrong_without_an_answer():
    assert score(Example("", b"", "47", BOXES), answered(), is_empty_wrong=False) == Score(2)


def test_without_boxes_the_digits_are_compared_in_order():
    found = answered((ELSEWHERE, "4", True), (ELSEWHERE, "5", True), (ELSEWHERE, "7", True))
    assert score(Example("", b"", "47", []), found, True) == Score(2, 2, 2, 1)


def test_a_picture_without_a_digit_is_wrong_if_an_answer_is_sure():
    found = answered((ELSEWHERE, "1", True))
    assert score(Example("", b"", "", []), found, True) == Score(1, 0, 0, 1)


def test_a_folder_of_ones_own_needs_only_files_and_texts(tmp_path):
    truth = [{"file": "a.jpg", "text": "4 7\n1"}]
    (tmp_path / "truth.json").write_text(json.dumps(truth), encoding="utf-8")
    (tmp_path / "a.jpg").write_bytes(b"picture")
    assert list(archive.examples(tmp_path)) == [Example("a.jpg", b"picture", "471", [])]


def test_each_picture_of_the_archive_has_the_boxes_of_all_digits_or_none():
    examples = list(archive.examples())
    assert len({example.kind for example in examples}) <= 15
    for example in examples:
        assert len(example.boxes) in (0, len(example.digits))
