"""The versions of what is answered (ETag), and the caller's word of which he has. Pure."""

import hashlib


def etag(body: bytes) -> str:
    """The strong ETag of bytes."""
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def has_tag(named: str | None, tag: str) -> bool:
    """Whether an `If-None-Match` names a tag."""
    if not named:
        return False
    return named.strip() == "*" or tag in tags(named)


def tags(named: str) -> list[str]:
    """The tags of a conditional header, quoted, without the mark of weakness."""
    return [each.strip().removeprefix("W/") for each in named.split(",")]
