"""The rows of the table of policies: each version that was published. Pure."""

from services.disclosure.opendata.tables import Row, yuan
from services.disclosure.policies.plan import plan
from services.disclosure.policies.policy import Version
from shared import regions


def row(version: Version, url: str) -> Row:
    """A published version; `url` is where this service answers."""
    said, words = version.content, plan()
    return {
        "policy_id": str(version.policy_id),
        "version": version.version,
        "region_code": version.region,
        "region": regions.name(version.region),
        "title": said.title_zh,
        "title_en": said.title_en,
        "groups": "、".join(words.groups[code].zh for code in said.groups),
        "benefit": said.benefit,
        "amount": yuan(said.amount_fen),
        "unit": words.units[said.unit].zh if said.unit else None,
        "conditions": said.conditions,
        "applying": said.applying,
        "papers": said.papers,
        "office": said.office or None,
        "issuer": said.issuer or None,
        "document_no": said.document_no or None,
        "flow_code": said.flow or None,
        "valid_from": said.valid_from,
        "valid_to": said.valid_to,
        "published_at": version.published_at,
        "withdrawn_at": version.withdrawn_at,
        "withdrawn_because": version.withdrawn_because,
        "page": f"{url}/policies/{version.policy_id}?version={version.version}",
    }
