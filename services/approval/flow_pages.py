"""The flows drawn as pages: what a flow asks for, of whom, by when, from its opening to its end."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from services.approval import flows
from services.approval.cases import OPENERS
from services.approval.fields import all_fields
from services.approval.pages import show_page
from shared.auth import Caller

router = APIRouter(include_in_schema=False)


@router.get("/flows")
async def list_flows(request: Request, caller: Caller) -> Response:
    """All flows by matter, each as the chain of its nodes."""
    return show_page(request, "flows.html", caller)


@router.get("/flows/{code}")
async def draw_flow(request: Request, caller: Caller, code: str) -> Response:
    """One flow from its opening to its end; the nodes that the caller's roles file are marked."""
    catalogue = flows.load()
    flow = catalogue.flow(code)
    opens = not caller.roles.isdisjoint({*OPENERS, flow.first.role})
    yours = {node.code for node in flow.nodes if not node.filers.isdisjoint(caller.roles)}
    openers = [catalogue.roles[role] for role in dict.fromkeys((*OPENERS, flow.first.role))]
    return show_page(
        request, "flow.html", caller, flow=flow, fields=all_fields(), opens=opens, yours=yours, openers=openers
    )
