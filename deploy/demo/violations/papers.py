"""Steps filed without the paper that proves them."""

from functools import partial

from deploy.demo.violations.ground import Ground, Plant, Planted


def without(ground: Ground, *, node: str, kind: str) -> Planted:
    """A node is completed and one of its papers never comes."""
    draft = ground.case(node[:3])
    for step in draft.steps:
        if kind in step.papers and step.node.order >= draft.step(node).node.order:
            step.papers.remove(kind)
    return Planted((draft,))


def _plant(name: str, rule: str, node: str, kind: str, *may: str) -> Plant:
    return Plant(name, (rule,), partial(without, node=node, kind=kind), may)


PLANTS = (
    _plant("no_resolution", "A029", "EN2-04", "resolution", "A043"),
    _plant("no_contract", "A030", "EN1-06", "contract", "A043"),
    _plant("no_acceptance", "A031", "PR2-08", "acceptance", "A043"),
    _plant("no_settlement", "A039", "EN2-12", "settlement", "A043"),
    _plant("no_quotes", "A034", "PR2-04", "quotes"),
    _plant("no_invoice", "A032", "PR2-09", "invoice"),
    _plant("no_notice_photo", "A035", "EN1-05", "notice_photo"),
    _plant("no_coi_statement", "A044", "EN2-09", "coi_statement"),
    _plant("no_attendance", "A040", "LA1-05", "attendance"),
    _plant("no_supervision_log", "A037", "EN2-11", "supervision_log"),
    _plant("no_resolution_on_the_page", "A043", "EN2-05", "resolution", "A029"),
    _plant("no_household_visit", "A041", "RE2-03", "household_visit"),
)
