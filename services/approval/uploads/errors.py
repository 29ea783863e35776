"""What uploads in pieces refuse."""

from typing import Self

from shared.problems import Problem


class NoSuchUpload(Problem):
    """No upload of this id is the caller's, or it has expired."""

    status, code = 404, "no-such-upload"
    title_zh, title_en = "没有这个上传", "No such upload"


class OtherOffset(Problem):
    """The pieces that are there end elsewhere."""

    status, code = 409, "upload-offset"
    title_zh, title_en = "续传的位置不对", "The upload goes on elsewhere"

    @classmethod
    def at(cls, received: int) -> Self:
        """So many bytes are here."""
        return cls(f"已有 {received} 字节,请从那里续传", f"There are {received} bytes: go on from there")


class TusVersion(Problem):
    """The client speaks another version of the protocol, or does not say which."""

    status, code = 412, "tus-version"
    title_zh, title_en = "续传协议版本不符", "Another version of tus is needed"


class NotAPiece(Problem):
    """The body isn't declared to be a piece of an upload."""

    status, code = 415, "not-a-piece"
    title_zh, title_en = "不是上传的一段", "This is no piece of an upload"


class TooManyUploads(Problem):
    """So many uploads are open already."""

    status, code = 409, "too-many-uploads"
    title_zh, title_en = "未完成的上传太多", "Too many uploads are unfinished"
