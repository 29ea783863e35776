"""The life of an appeal: filed, handled, answered, closed; what may be done when, and what each deed makes of it. Pure.

Every accepted deed is one `Step`: the appeal as it then is, one entry of its history and at most one event.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from services.disclosure.appeals import routing
from services.disclosure.appeals.errors import Mend, NotNow
from services.disclosure.appeals.plan import Level, Plan, Term
from shared.contracts import appeals as events
from shared.contracts.appeals import AppealEvent, Kind, State
from shared.problems import FieldError
from shared.workdays import due_at

EntryKind = Literal[
    "filed", "accepted", "answered", "forwarded", "extended", "overdue", "added", "rated", "reopened", "closed",
    "identity_shown", "withdrawn",
]  # fmt: skip
By = Literal["author", "desk", "clock"]
_MOST_WORDS = 1000


@dataclass(frozen=True)
class Appeal:
    """One appeal as it stands. `round` is 2 once it was reopened; `overdue` tells of the present round.

    `answered` says whether this round has its answer, `rating` what its author said of that.
    """

    appeal_id: str
    village_code: str
    kind: Kind
    concerns: Level
    desk: str
    filed_at: datetime
    due_by: datetime | None
    answer_by: datetime
    updated_at: datetime
    case_id: str | None = None
    case_no: str | None = None
    state: State = "filed"
    revision: int = 1
    round: int = 1
    round_began_at: datetime | None = None
    accepted_at: datetime | None = None
    answered_at: datetime | None = None
    redone_at: datetime | None = None
    answered: bool = False
    rating: bool | None = None
    unsatisfied: int = 0
    extended: bool = False
    overdue: bool = False
    additions: int = 0

    @property
    def began_at(self) -> datetime:
        """When its round began: when it was filed, or reopened."""
        return self.round_began_at or self.filed_at

    @property
    def reopened(self) -> bool:
        """Whether it was reopened: that may be done once."""
        return self.round > 1

    @property
    def counted(self) -> tuple[int, int, int]:
        """What it adds to its village's public count: asked, answered, overdue. A report of wrongdoing adds nothing,
        and nothing does before its desk has it in hand: a number that moved at once would tell who has just filed."""
        known = self.kind != "report" and (self.accepted_at is not None or self.overdue)
        return (int(known), int(known and self.answered_at is not None), int(known and self.overdue))


@dataclass(frozen=True)
class Entry:
    """One entry of an appeal's history. `public` says that an answer may be published; `words` are kept sealed."""

    kind: EntryKind
    by: By
    at: datetime
    words: str = ""
    post: str | None = None
    public: bool = False
    detail: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Step:
    """What a deed makes of an appeal."""

    appeal: Appeal
    entry: Entry
    event: AppealEvent | None


@dataclass(frozen=True)
class Reply:
    """An answer; one for the public says in `about` what was asked, in the desk's own words."""

    words: str
    public: bool = False
    about: str = ""


def file(appeal: Appeal, words: str) -> Step:
    """A new appeal with its first entry."""
    return _step(appeal, Entry("filed", "author", appeal.filed_at, words), events.AppealFiled)


def new(
    appeal_id: str,
    village_code: str,
    kind: Kind,
    concerns: Level,
    case: tuple[str, str] | None,
    now: datetime,
    plan: Plan,
) -> Appeal:
    """An appeal on its first desk, with its terms; `case` is an id and a number."""
    return Appeal(
        appeal_id=appeal_id,
        village_code=village_code,
        kind=kind,
        concerns=concerns,
        desk=routing.first_desk(village_code, concerns),
        filed_at=now,
        due_by=_due(now, plan.terms.take_up),
        answer_by=_due(now, plan.terms.answer),
        updated_at=now,
        case_id=case[0] if case else None,
        case_no=case[1] if case else None,
    )


def take_up(appeal: Appeal, post: str, now: datetime) -> Step:
    """Its desk takes it up; the term to answer runs since it was filed."""
    _in(appeal, "filed")
    due_by = appeal.answer_by if now < appeal.answer_by else None
    after = replace(appeal, state="handling", accepted_at=appeal.accepted_at or now, due_by=due_by)
    return _step(_moved(after, now), Entry("accepted", "desk", now, post=post), events.AppealAccepted)


def reply(appeal: Appeal, given: Reply, post: str, now: datetime, plan: Plan) -> Step:
    """Answer it, or answer it again."""
    _in(appeal, "handling", "answered")
    _words(given.words, "text", plan.limits.longest_reply)
    if given.public:
        if appeal.kind == "report":
            raise NotNow("违纪举报的答复不得公开", "The answer to a report of wrongdoing may not be published")
        _words(given.about, "about", 200)
    after = replace(
        appeal,
        state="answered",
        answered=True,
        answered_at=appeal.answered_at or now,
        redone_at=now if appeal.unsatisfied else appeal.redone_at,
        rating=None,
        due_by=_due(now, plan.terms.quiet),
    )
    entry = Entry("answered", "desk", now, given.words.strip(), post, given.public)
    return _step(_moved(after, now), entry, events.AppealAnswered)


def forward(appeal: Appeal, to: str, reason: str, post: str, now: datetime, plan: Plan) -> Step:
    """Send it a level up, or down to a desk that it doesn't concern. The term to answer runs on."""
    _in(appeal, "filed", "handling")
    if to not in targets(appeal):
        raise NotNow("不能转往该岗位", "It can't go to that desk")
    _words(reason, "reason", _MOST_WORDS)
    after = replace(appeal, state="filed", desk=to, due_by=_earlier(_due(now, plan.terms.take_up), appeal.answer_by))
    return _step(_moved(after, now), Entry("forwarded", "desk", now, reason.strip(), post), events.AppealForwarded)


def targets(appeal: Appeal) -> tuple[str, ...]:
    """The desks to which it can be forwarded."""
    down = None if appeal.reopened else routing.below(appeal.desk, appeal.village_code, appeal.concerns)
    return tuple(desk for desk in (routing.above(appeal.desk), down) if desk)


def extend(appeal: Appeal, reason: str, post: str, now: datetime, plan: Plan) -> Step:
    """Take the longest term that the plan allows, once a round; its author reads why."""
    _in(appeal, "handling")
    if appeal.extended:
        raise NotNow("本轮已延期过一次", "It was extended once already")
    if appeal.overdue or now >= appeal.answer_by:
        raise NotNow("已经超期,不能再延", "It is overdue: too late to extend")
    _words(reason, "reason", _MOST_WORDS)
    until = _due(appeal.began_at, plan.terms.longest)
    after = replace(appeal, extended=True, answer_by=until, due_by=until)
    return _step(_moved(after, now), Entry("extended", "desk", now, reason.strip(), post), events.AppealExtended)


def close(appeal: Appeal, post: str, now: datetime) -> Step:
    """Close what was answered and not refused."""
    _closable(appeal)
    after = replace(appeal, state="closed", due_by=None)
    return _step(_moved(after, now), Entry("closed", "desk", now, post=post), events.AppealClosed)


def add(appeal: Appeal, words: str, pictures: int, now: datetime, plan: Plan) -> Step:
    """Its author adds something. Where that names posts above whom it concerned so far, it goes past their desk."""
    _in(appeal, "filed", "handling", "answered")
    if appeal.additions >= plan.limits.additions:
        raise NotNow(
            f"最多补充 {plan.limits.additions} 次", f"At most {plan.limits.additions} additions to an appeal are taken"
        )
    _words(words, "text", plan.limits.longest_text)
    concerns = routing.concerned_level(appeal.concerns, words, plan)
    after = replace(appeal, additions=appeal.additions + 1, concerns=concerns)
    detail = (("pictures", str(pictures)),) if pictures else ()
    entry = Entry("added", "author", now, words.strip(), detail=detail)
    desk = routing.higher(appeal.desk, routing.first_desk(appeal.village_code, concerns))
    if desk == appeal.desk:
        return _step(_moved(after, now), entry, None)
    after = replace(after, desk=desk)
    if appeal.state != "answered":
        due_by = _earlier(_due(now, plan.terms.take_up), appeal.answer_by)
        after = replace(after, state="filed", due_by=due_by)
    return _step(_moved(after, now), entry, events.AppealForwarded)


def rate(appeal: Appeal, satisfied: bool, words: str, now: datetime) -> Step:
    """Its author says, once for each answer, whether it satisfies him."""
    _in(appeal, "answered", "closed")
    if appeal.rating is not None:
        raise NotNow("这次答复已经评价过", "This answer was rated already")
    if len(words) > _MOST_WORDS:
        raise Mend(errors=[_long("words", _MOST_WORDS)])
    # Who was refused waits for another answer, not for silence.
    due_by = appeal.due_by if satisfied else None
    after = replace(appeal, rating=satisfied, unsatisfied=appeal.unsatisfied + (not satisfied), due_by=due_by)
    detail = (("satisfied", "yes" if satisfied else "no"),)
    return _step(_moved(after, now), Entry("rated", "author", now, words.strip(), detail=detail), events.AppealRated)


def reopen(appeal: Appeal, reason: str, now: datetime, plan: Plan) -> Step:
    """Its author doesn't accept the answer: once, it is handled anew, a level up where there is one."""
    _in(appeal, "answered", "closed")
    if appeal.reopened:
        raise NotNow("只能重办一次", "It may be reopened once only")
    _words(reason, "reason", _MOST_WORDS)
    after = replace(
        appeal,
        state="filed",
        round=appeal.round + 1,
        round_began_at=now,
        desk=routing.above(appeal.desk) or appeal.desk,
        unsatisfied=appeal.unsatisfied + (appeal.rating is not False),
        rating=None,
        answered=False,
        extended=False,
        overdue=False,
        due_by=_due(now, plan.terms.take_up),
        answer_by=_due(now, plan.terms.answer),
    )
    return _step(_moved(after, now), Entry("reopened", "author", now, reason.strip()), events.AppealReopened)


def lapse(appeal: Appeal, now: datetime, plan: Plan) -> Step | None:
    """What silence does at `now`: an answer nobody refused is closed; an appeal not handled in time goes a level up.

    None when no term has run out, or when there is nothing more to tell.
    """
    if appeal.due_by is None or now < appeal.due_by:
        return None
    if appeal.state == "answered":
        after = replace(appeal, state="closed", due_by=None)
        return _step(_moved(after, now), Entry("closed", "clock", now), events.AppealClosed)
    up = routing.above(appeal.desk)
    if up and not appeal.overdue:
        # Whoever it comes to has a term of his own to take it up; that of the answer has run on.
        after = replace(appeal, state="filed", desk=up, overdue=True, due_by=_due(now, plan.terms.take_up))
    else:
        after = replace(appeal, overdue=True, due_by=None if now >= appeal.answer_by else appeal.answer_by)
    detail = (("term", "take_up" if appeal.state == "filed" else "answer"),)
    return _step(_moved(after, now), Entry("overdue", "clock", now, detail=detail), events.AppealOverdue)


def show_identity(appeal: Appeal, reason: str, words: str, post: str, now: datetime) -> Step:
    """Its author is shown to a post that must reach him; he reads who asked, when and why."""
    _in(appeal, "filed", "handling", "answered")
    _words(words, "words", 200)
    return _step(
        _moved(appeal, now),
        Entry("identity_shown", "desk", now, words.strip(), post, detail=(("reason", reason),)),
        None,
    )


def withdraw_opinion(appeal: Appeal, reason: str, post: str, now: datetime) -> Step:
    """A published answer is taken back; the appeal stays as it is."""
    _words(reason, "reason", _MOST_WORDS)
    return _step(_moved(appeal, now), Entry("withdrawn", "desk", now, reason.strip(), post), None)


def open_deeds(appeal: Appeal) -> frozenset[str]:
    """What its desk may do now."""
    found = {
        "filed": {"take_up", "forward"},
        "handling": {"reply", "forward"} | ({"extend"} if not appeal.extended and not appeal.overdue else set()),
        "answered": {"reply"} | ({"close"} if appeal.rating is not False else set()),
        "closed": set(),
    }[appeal.state]
    return frozenset(found - ({"forward"} if not targets(appeal) else set()))


def _closable(appeal: Appeal) -> None:
    _in(appeal, "answered")
    if not appeal.answered:
        raise NotNow("没有答复,不能办结", "Nothing is closed without an answer")
    if appeal.rating is False:
        raise NotNow("诉求人不满意,须重新答复或等其重办", "Its author is not satisfied: answer again first")


def _step(appeal: Appeal, entry: Entry, kind: type[AppealEvent] | None) -> Step:
    return Step(appeal, entry, _event(appeal, kind, entry.at) if kind else None)


def _event(appeal: Appeal, kind: type[AppealEvent], at: datetime) -> AppealEvent:
    secret = appeal.kind == "report"
    told: dict[str, Any] = {
        name: getattr(appeal, name)
        for name in AppealEvent.model_fields
        if name not in ("case_id", "case_no", "satisfied", "occurred_at")
    }
    return kind(
        **told,
        case_id=None if secret else appeal.case_id,
        case_no=None if secret else appeal.case_no,
        satisfied=appeal.rating,
        occurred_at=at,
    )


def _moved(appeal: Appeal, now: datetime) -> Appeal:
    return replace(appeal, revision=appeal.revision + 1, updated_at=now)


def _in(appeal: Appeal, *states: State) -> None:
    if appeal.state not in states:
        raise NotNow("这件诉求的状态已变,请刷新后再办", "The appeal has moved on: look at it again")


def _words(text: str, field: str, longest: int) -> None:
    if not text.strip():
        raise Mend(errors=[FieldError(field, "必填", "Needed")])
    if len(text) > longest:
        raise Mend(errors=[_long(field, longest)])


def _long(field: str, longest: int) -> FieldError:
    return FieldError(field, f"最多 {longest} 字", f"At most {longest} characters")


def _due(start: datetime, term: Term) -> datetime:
    return due_at(start, term.days, term.unit)


def _earlier(one: datetime, other: datetime) -> datetime:
    return min(one, other)
