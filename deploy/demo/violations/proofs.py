"""Papers that prove nothing: invoices that say nothing or don't exist, and pages stamped blank or swapped."""

from functools import partial
from typing import Any

from deploy.demo.violations.ground import Ground, Plant, Planted


def told(ground: Ground, *, flow: str, without: str = "", **fields: Any) -> Planted:
    """An honest case but for what these fields say, and without one kind of paper."""
    draft = ground.case(flow)
    draft.put(**fields)
    for step in draft.steps:
        step.papers = [paper for paper in step.papers if paper != without]
    return Planted((draft,))


PLANTS = (
    Plant("vague_invoice", ("A033",), partial(told, flow="PR2", without="goods_list", invoice_item="办公用品")),
    Plant("void_invoice", ("A033",), partial(told, flow="EN1", invoice_verified=False)),
    Plant("blank_page_stamped", ("A042",), partial(told, flow="SE1", seal_blank=True)),
    Plant("page_swapped", ("A042",), partial(told, flow="SE1", seal_diff_pct=31.0)),
    Plant("stamped_without_base", ("A042",), partial(told, flow="SE1", without="seal_base_doc")),
)
