"""A form of an appeal as it arrives: bounded before it is read, its pictures drawn anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from fastapi import Request
from starlette.datastructures import UploadFile

from services.disclosure.appeals import challenge, pictures
from services.disclosure.appeals.challenge import Challenge
from services.disclosure.appeals.plan import plan
from shared.lengths import check_length
from shared.problems import FieldError
from shared.settings import Settings

_FORM_BYTES = 256 * 1024
_MOST_FIELDS = 40


@dataclass(frozen=True)
class Sent:
    """What was typed, and the files that came along."""

    typed: Mapping[str, str]
    files: Sequence[bytes]
    too_many: bool


async def receive(request: Request) -> Sent:
    """Read a form; raises `LengthRequired`, `UploadTooLarge`. A picture beyond the limit is read as far as that."""
    limits = plan().limits
    check_length(request, limits.pictures * limits.picture_bytes + _FORM_BYTES)
    form = await request.form(max_files=2 * limits.pictures, max_fields=_MOST_FIELDS)
    files = [each for each in form.getlist("pictures") if isinstance(each, UploadFile) and each.filename]
    raw = [await file.read(limits.picture_bytes + 1) for file in files[: limits.pictures]]
    typed = {name: value for name, value in form.items() if isinstance(value, str)}
    return Sent(typed, raw, len(files) > limits.pictures)


async def drawn(sent: Sent) -> tuple[list[bytes], list[FieldError]]:
    """The pictures drawn anew, and what is wrong with others."""
    limits, made, errors = plan().limits, [], []
    if sent.too_many:
        errors.append(FieldError("pictures", f"最多 {limits.pictures} 张图片", f"{limits.pictures} pictures at most"))
    for number, raw in enumerate(sent.files, start=1):
        if len(raw) > limits.picture_bytes:
            size = limits.picture_bytes // 1024 // 1024
            zh, en = f"第 {number} 张图片超过 {size} MiB", f"Picture {number} has more than {size} MiB"
            errors.append(FieldError("pictures", zh, en))
            continue
        try:
            made.append(await pictures.drawn_anew(raw, limits))
        except pictures.NotAPicture:
            zh, en = f"第 {number} 个文件不是 JPEG、PNG、WebP 图片", f"File {number} is no JPEG, PNG or WebP picture"
            errors.append(FieldError("pictures", zh, en))
    return made, errors


def new_challenge(settings: Settings) -> Challenge:
    """What a fresh form asks."""
    limits = plan().limits
    return challenge.make(settings.identity_secret, datetime.now(UTC), limits.form_minutes, limits.work_bits)


def check_challenge(typed: Mapping[str, str], settings: Settings) -> list[FieldError]:
    """What is wrong with a form's proof; nothing when it holds."""
    token, secret = typed.get("token", ""), settings.identity_secret
    if not challenge.genuine(token, secret, datetime.now(UTC)):
        return [FieldError("answer", "表单已过期,请重新作答后再提交", "The form has expired: answer and send it again")]
    if not challenge.solved(token, typed.get("answer", ""), typed.get("work", ""), secret, plan().limits.work_bits):
        return [FieldError("answer", "请算出图中的和", "Work out the sum in the picture")]
    return []
