"""What imports refuse, named after what went wrong in the user's words."""

from services.approval.errors import IdempotencyKeyReused
from shared.lengths import LengthRequired, UploadTooLarge
from shared.problems import Problem


class ImportNotFound(Problem):
    """No such import within the caller's regions."""

    status, code = 404, "import-not-found"
    title_zh, title_en = "没有找到这次导入", "No such import"


class ImportNotReady(Problem):
    """The import is in no state for this, or something must be mended first."""

    status, code = 409, "import-not-ready"
    title_zh, title_en = "现在不能这样做", "This import can't be taken on now"


class MappingNotFound(Problem):
    """No mapping of this name, or not this version of it."""

    status, code = 404, "mapping-not-found"
    title_zh, title_en = "没有这个列对应方案", "No such mapping"


class MappingTaken(Problem):
    """The name belongs to a mapping of another region."""

    status, code = 409, "mapping-taken"
    title_zh, title_en = "这个名称已被其他地区使用", "Another region has a mapping of this name"


UPLOADING = (MappingNotFound, LengthRequired, UploadTooLarge, IdempotencyKeyReused)
CHANGING = (ImportNotFound, ImportNotReady, IdempotencyKeyReused)
