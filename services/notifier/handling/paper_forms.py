"""Papers as a page's form brings them."""

from collections.abc import Sequence

from fastapi import Request, UploadFile

from services.notifier.errors import MoveNeedsMore
from shared.documents import MAX_BYTES
from shared.lengths import check_length
from shared.problems import FieldError

_MOST_FILES = 10
_FORM_BYTES = 64 * 1024


def chosen(request: Request, files: Sequence[UploadFile]) -> list[UploadFile]:
    """The files that were chosen; raises `MoveNeedsMore` for none or too many, and the errors of `check_length`."""
    given = [file for file in files if file.filename]
    if not 1 <= len(given) <= _MOST_FILES:
        wrong = FieldError("files", f"请选择 1 至 {_MOST_FILES} 个文件", f"Choose from 1 to {_MOST_FILES} files")
        raise MoveNeedsMore("请选择文件", "Choose the files", [wrong])
    check_length(request, MAX_BYTES + _FORM_BYTES)
    return given
