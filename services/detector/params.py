"""Parameters of rules: which values a county may set. Pure."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.contracts.alerts import Bilingual, Parameter
from shared.contracts.rulesets import ParamValue

_MOST_OF_A_LIST = 100
_LONGEST_WORD = 100
_KINDS_ZH: Mapping[type, str] = {bool: "是或否", int: "整数", float: "数字", str: "文字"}


class Param(BaseModel):
    """A parameter that a county may change, within its bounds (of each, where it is a list)."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    default: ParamValue
    unit: str = ""
    zh: str
    en: str
    min: float = 0
    max: float | None = None


def misfit(param: Param, value: Any) -> Bilingual | None:
    """What speaks against this value of a parameter; None when nothing does."""
    if isinstance(param.default, list):
        if not isinstance(value, list) or not 0 < len(value) <= _MOST_OF_A_LIST:
            zh, en = f"须为 1 至 {_MOST_OF_A_LIST} 项的列表", f"a list of 1 to {_MOST_OF_A_LIST} is needed"
            return Bilingual(zh=zh, en=en)
        of_one = param.model_copy(update={"default": param.default[0]})
        return next((wrong for each in value if (wrong := misfit(of_one, each))), None)
    kind = type(param.default)
    if type(value) is not kind and not (kind is float and type(value) is int):
        return Bilingual(zh=f"须为{_KINDS_ZH[kind]}", en=f"{kind.__name__} is needed")
    if isinstance(value, str) and not 0 < len(value) <= _LONGEST_WORD:
        return Bilingual(zh=f"须为 1 至 {_LONGEST_WORD} 字", en=f"1 to {_LONGEST_WORD} characters are needed")
    if isinstance(value, int | float) and not isinstance(value, bool):
        if not param.min <= value:
            return Bilingual(zh=f"不得小于 {param.min:g}", en=f"at least {param.min:g} is needed")
        if param.max is not None and value > param.max:
            return Bilingual(zh=f"不得大于 {param.max:g}", en=f"at most {param.max:g} is allowed")
    return None


def as_declared(param: Param, value: Any) -> Any:
    """A fitting value in the parameter's own type: a whole number given for a fraction is one."""
    if isinstance(param.default, list):
        return [as_declared(param.model_copy(update={"default": param.default[0]}), each) for each in value]
    return type(param.default)(value)


def readable(name: str, param: Param, value: ParamValue) -> Parameter:
    """A parameter with its value for people to read."""
    return Parameter(name=name, label=Bilingual(zh=param.zh, en=param.en), value=_text(value), unit=param.unit)


def _text(value: ParamValue) -> str:
    if isinstance(value, list):
        return "、".join(_text(each) for each in value)
    if isinstance(value, bool):
        return "是 / yes" if value else "否 / no"
    return value if isinstance(value, str) else f"{value:,}"
