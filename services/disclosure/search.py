"""What a case is found by: words of what is public of it for as long as it is public at all. Pure.

Whatever is masked, withheld or public for a term only is not among them. Both sides are folded (`shared/texts`), so
that width, case and traditional forms make no difference; words may be parts of words, in Chinese and in Latin letters.
"""

from services.disclosure.cases import Case
from services.disclosure.masking import Masks
from services.disclosure.vocabulary import Vocabulary
from shared.texts import fold, seen
from shared.workdays import SHANGHAI

LONGEST = 100
_MOST = 8
_FIELDS = ("supplier_name", "item", "asset_name", "location", "category", "contract_no", "position")


def words_of(case: Case, masks: Masks, words: Vocabulary) -> str:
    """Title, number, matter, flow, state and years, firms, things and places of a case, folded, each on a line."""
    flow, matter, state = (
        words.flow(case.flow, case.flow_version),
        words.matters[case.matter],
        words.states[case.state],
    )
    said = [case.title or "", case.case_no, flow.zh, flow.en, matter.zh, matter.en, state.zh, state.en]
    said += [f"{at.astimezone(SHANGHAI).year}年" for at in (case.opened_at, case.updated_at)]
    for entry in case.history:
        for name in _FIELDS:
            value, rule = entry.get("fields", {}).get(name), masks.rule(name, case.places)
            if isinstance(value, str) and rule and not rule.withheld_until and not masks.term(name, case.places):
                said.append(value)
    return "\n".join(dict.fromkeys(fold(seen(each)).text for each in said if each))


def patterns(asked: str) -> list[str]:
    """What the words of a case must be LIKE, all of them; none when nothing to look for was asked."""
    parts = fold(seen(asked[:LONGEST]).replace("\0", "")).text.split()
    return [f"%{_literal(part)}%" for part in dict.fromkeys(parts[:_MOST])]


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
