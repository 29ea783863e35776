"""YAML that somebody sends, read within bounds of depth and size; what is wrong is told with its line and column."""

from dataclasses import dataclass
from typing import Any

import yaml

MOST_DEEP, MOST_VALUES = 40, 20_000
_BEGINS, _ENDS = (yaml.MappingStartEvent, yaml.SequenceStartEvent), (yaml.MappingEndEvent, yaml.SequenceEndEvent)


@dataclass
class Unreadable(ValueError):
    """Not the YAML that we take; line and column are counted from 1."""

    line: int
    column: int
    zh: str
    en: str


class _Loader(yaml.CSafeLoader):
    """Tells where a value stands that isn't of the type it claims, such as the 45th of a month."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            why = f"no value of {node.tag.removeprefix('tag:yaml.org,2002:')}"
            raise yaml.constructor.ConstructorError(None, None, why, node.start_mark) from error


def read(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of a text, with their places, and its plain value; None and None of an empty one.

    Raises `Unreadable`; also when it is deeper than `MOST_DEEP` or has more than `MOST_VALUES` values, those that
    aliases repeat counted each time (https://yaml.org/spec/1.2.2/#71-alias-nodes).
    """
    try:
        _bound(text)
        loader = _Loader(text)
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise _unreadable(mark, "不是有效的 YAML", f"Not valid YAML: {error.problem}") from error
    except yaml.reader.ReaderError as error:
        en = f"Not valid YAML: a character that it does not allow: {error.reason}"
        raise Unreadable(text.count("\n", 0, error.position) + 1, 1, "有 YAML 不允许的字符", en) from error
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise Unreadable(line, 1, "有 YAML 不允许的字符", "Not valid YAML: half a character") from error


def _bound(text: str) -> None:
    """Raises `Unreadable` where the text grows too deep or too large, before anything is made of it."""
    values, open_, known = 0, list[tuple[str | None, int]](), dict[str, int]()
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        if isinstance(event, _ENDS):
            anchor, before = open_.pop()
            if anchor:
                known[anchor] = values - before
            continue
        if isinstance(event, yaml.AliasEvent) and event.anchor:
            if event.anchor in (anchor for anchor, _ in open_):
                raise _unreadable(event.start_mark, "引用了自身", "What is named here contains itself")
            values += known.get(event.anchor, 1)
        elif isinstance(event, yaml.NodeEvent):
            values += 1
        if isinstance(event, _BEGINS):
            open_.append((event.anchor, values - 1))
        if len(open_) > MOST_DEEP:
            raise _unreadable(event.start_mark, f"嵌套超过 {MOST_DEEP} 层", f"Nested deeper than {MOST_DEEP}")
        if values > MOST_VALUES:
            raise _unreadable(event.start_mark, f"超过 {MOST_VALUES} 个值", f"More than {MOST_VALUES} values")


def _unreadable(mark: Any, zh: str, en: str) -> Unreadable:
    return Unreadable(mark.line + 1, mark.column + 1, zh, en) if mark else Unreadable(1, 1, zh, en)
