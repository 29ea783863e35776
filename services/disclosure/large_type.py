"""大字版 Large type: whoever wants it keeps that in a cookie of its own, which says nothing of who he is.

Pages stay the same for all and may be cached; what differs is one small style sheet that each browser asks for.
"""

from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

router = APIRouter(include_in_schema=False)
_COOKIE = "large_type"
_A_YEAR = 365 * 24 * 3600
_HEADERS = {"cache-control": "private, no-cache", "vary": "Cookie"}
_LARGE = """
html { font-size: 23px !important; } body { line-height: 1.7; }
.en, .muted, .hint { color: #3d434d; } .small, .en, .badge, .tag { font-size: .92em !important; }
h2 .en { font-size: .75em !important; } .hero h1 .en { font-size: .55em !important; }
.search input { min-width: 12rem; } fieldset, .choices { min-width: 0; }
.to-large { display: none; } .to-usual { display: inline !important; }
.matters, .figures { grid-template-columns: 1fr 1fr !important; } .code { flex-wrap: wrap; }
.badge { white-space: normal !important; } .search { flex-wrap: wrap; }
@media (max-width: 640px) {
  .facts { grid-template-columns: 1fr !important; } .facts dd { margin-bottom: .5rem !important; }
  .choices.two { grid-template-columns: 1fr !important; }
}
"""


@router.get("/large-type.css")
async def style(request: Request) -> Response:
    """The style sheet of large type, or nothing."""
    wanted = request.cookies.get(_COOKIE) == "1"
    return Response(_LARGE if wanted else "", media_type="text/css", headers=_HEADERS)


@router.get("/large-type/{wanted}")
async def choose(request: Request, wanted: str) -> Response:
    """Keep the choice, `on` or anything else for off, and go back to the page it was made on."""
    came_from = urlsplit(request.headers.get("referer", ""))
    own = came_from.netloc == request.url.netloc and came_from.path.startswith("/") and came_from.path[1:2] != "/"
    back = (came_from.path + (f"?{came_from.query}" if came_from.query else "")) if own else "/"
    answer = RedirectResponse(back, status_code=303, headers={"cache-control": "no-store"})
    if wanted == "on":
        answer.set_cookie(_COOKIE, "1", max_age=_A_YEAR, httponly=True, samesite="lax")
    else:
        answer.delete_cookie(_COOKIE, httponly=True, samesite="lax")
    return answer
