"""Where a change comes from: a browser's session counts only on this service's own pages."""

from urllib.parse import urlsplit

from fastapi import Request

from shared.problems import ForeignOrigin

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def same_origin(request: Request) -> None:
    """Refuse what another site sends with this browser's session; a bearer token can't be sent that way.

    A cookie's SameSite=Lax stops neither another port nor a sibling host. Any other authorization counts for nothing:
    whoever sends it is known by his session.
    """
    if request.method in _SAFE or request.headers.get("authorization", "").lower().startswith("bearer "):
        return
    origin = request.headers.get("origin", "")
    own = {request.headers.get("host", ""), urlsplit(request.app.state.own_url).netloc}
    if not origin or urlsplit(origin).netloc not in own:
        raise ForeignOrigin("请在本站页面上提交", "Send the form from a page of this site")
