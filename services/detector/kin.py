"""The kin of those whom findings are about: asked of the registers like all that a verdict rests on. Pure.

Only keys with such a finding ask: what is changed in the register of kinship judges them again.
"""

from collections.abc import Iterable
from dataclasses import replace

from services.detector.detection import Detection, Finding
from services.detector.features.matches import kin_of, needs_of_kin
from services.detector.registers import Need, Reference
from shared.contracts.alerts import About


def needs_of_about(findings: Iterable[Finding], reference: Reference) -> frozenset[Need]:
    """The kinship up to two steps of whom these findings are about; ask again with what was found."""
    people = {about.person_key for finding in findings for about in finding.about if about.person_key}
    return frozenset(need for person in people for need in needs_of_kin(person, reference))


def with_kin(detection: Detection, reference: Reference) -> Detection:
    """The same findings, with the kin of whom they are about."""
    if not any(finding.about for finding in detection.findings):
        return detection
    told = (
        replace(finding, about=tuple(_told(about, reference) for about in finding.about))
        for finding in detection.findings
    )
    return replace(detection, findings=tuple(told))


def _told(about: About, reference: Reference) -> About:
    if not about.person_key:
        return about
    kin = sorted(set(kin_of(about.person_key, reference)) - {about.person_key})
    return about.model_copy(update={"kin": tuple(kin)})
