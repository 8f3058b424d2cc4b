"""The topics of the report together."""

from types import ModuleType

import pytest

from mnist_pipeline.report import assembly
from mnist_pipeline.report.content import Part


def topic(name: str, **entries: int) -> ModuleType:
    module = ModuleType(name)
    module.numbers = lambda: entries  # type: ignore[attr-defined]
    return module


def test_two_topics_cannot_use_one_name(monkeypatch):
    topics = [topic("corners", corners=1), ModuleType("without_numbers"), topic("edges", edges=2)]
    monkeypatch.setattr(assembly, "all_topics", lambda: topics)
    assert assembly.merged("numbers") == {"corners": 1, "edges": 2}
    topics.append(topic("other_corners", corners=3))
    with pytest.raises(ValueError, match="corners") as refused:
        assembly.merged("numbers")
    assert all(each in str(refused.value) for each in ("corners", "other_corners", "numbers"))


def test_the_parts_come_in_their_order_whatever_their_topics_are_called(monkeypatch):
    topics = [topic(name) for name in ("a", "b", "c")]
    for module, order in zip(topics, (90, 10, 50)):
        module.STORY = Part(order, module.__name__, "", "")
        module.APPENDIX = (Part(order, module.__name__, "", "", needs=""),)
    monkeypatch.setattr(assembly, "all_topics", lambda: topics)
    assert [part.id for part in assembly.story({})] == ["b", "c", "a"]
    orders = [part.order for part in assembly.appendix({})]
    assert len(orders) > len(topics)  # models that no topic describes have parts of their own
    assert orders == sorted(orders)
