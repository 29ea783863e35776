"""What a case of village power may do next, and what it becomes. Pure: times and ids come in as arguments.

A case waits at one node of its flow. Completing the node moves it on, the last one closes it.
A node with a notice is completed when the notice is posted or later; the next node may not be done
before the notice has run, and its term begins only then. A decision of no, like a failed acceptance,
completes nothing: whoever decides sends the case back, or withdraws it with the reason, which is how a
refused case ends.

Nodes that stand beside each other in the flow open together, are done in any order, each within its own term, and the
case goes on when all are done. What was done beside a node stays done when that one is done anew.

A node that the flow asks only of some cases is passed over in the others, by what the forms before it say.

A case may rest for a reason: nothing is done to it meanwhile, and its terms end later by the days that it rested.
A notice runs on, for it hangs there. A closed case goes into the archive, and then takes nothing more.

A node may be decided jointly, by a meeting whose numbers must carry, or by ballots that members cast here; each votes
once, and may change it until the node is completed. Ballots on something that changes since are void.

What was filed can be put right with a reason until then. An open case then goes back to the first decision that was
made after it, for that was made on something else.

Clocks differ between machines, and so may the `now` of two steps; what is done live never lies before what was done
to the case already, for the detector reads a case by the times of its events.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal, Self

from services.approval import arithmetic
from services.approval.amending import fixed_at, put_right
from services.approval.checks import (
    check_days,
    check_documents,
    check_form,
    check_notice,
    check_size,
    check_text,
    check_verdict,
)
from services.approval.errors import (
    AlreadyArchived,
    BallotRepeated,
    CannotAmend,
    CannotSendBack,
    CaseNotClosed,
    CaseNotOpen,
    CaseRests,
    CaseRestsNot,
    FieldsMissing,
    FieldsUnsound,
    MustStandAside,
    NotByBallot,
    NoticeRunning,
    ReasonMissing,
    RoleMissing,
    TimeUnsound,
    WrongNode,
)
from services.approval.flows import HANDLER, Flow, Node, Unit
from services.approval.joint import Vote, check_carried, with_counts
from services.approval.told import Told
from shared.contracts.power import (
    Actor,
    Ballot,
    BallotCast,
    CaseAmended,
    CaseArchived,
    CaseOpened,
    CaseResumed,
    CaseSuspended,
    CaseWithdrawn,
    DocumentRef,
    Matter,
    NodeCompleted,
    NodeFields,
    NodeReturned,
    Waiting,
)
from shared.problems import FieldError
from shared.regions import town_of
from shared.workdays import SHANGHAI, due_at, is_working_day

OPENERS = (HANDLER, "applicant", "reporting_clerk", "village_head")
Status = Literal["open", "closed", "withdrawn"]


@dataclass(frozen=True)
class RoleHolder:
    """Who acts, with the roles held in the case's village."""

    person_key: str
    name: str
    roles: frozenset[str]


@dataclass(frozen=True)
class Turn:
    """A node's turn: since when the case waits there, and until when it is to be done."""

    node: str
    since: datetime
    due_at: datetime | None = None


@dataclass(frozen=True)
class Actions:
    """What a caller may do with a case now, and at which nodes. A notice until `waits_until` holds completing back."""

    complete: bool = False
    waits_until: datetime | None = None
    send_back_to: tuple[str, ...] = ()
    withdraw: bool = False
    suspend: bool = False
    resume: bool = False
    archive: bool = False
    amend: tuple[str, ...] = ()
    amend_opening: bool = False
    complete_at: tuple[str, ...] = ()
    cast_at: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One case and where it stands.

    `sequence` counts its events and `last_at` is the latest of their times; `node_since` is when the present node's
    turn began, or begins after a notice that runs until `notice_ends_at`, and `beside` are the other nodes that wait;
    `completed` holds when each node was last completed, `filed_by` the key of who did it; `answers` hold what the
    forms, the opening's under "", say of what the flow's branches and checks go by; `ballots` are those cast where it
    waits. A case with `suspended_at` rests, as a rule until the day `suspended_until`; `rests` are the times, from and
    to, that are over. A closed case with `archive_no` is in the archive.
    """

    case_id: str
    case_no: str
    title: str
    matter: Matter
    flow: str
    flow_version: int
    village_code: str
    town_code: str
    status: Status
    node: str | None
    sequence: int
    opened_at: datetime
    opened_by: str
    last_at: datetime
    node_since: datetime | None
    due_at: datetime | None = None
    beside: tuple[Turn, ...] = ()
    notice_ends_at: datetime | None = None
    completed: Mapping[str, datetime] = field(default_factory=dict)
    filed_by: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ballots: Mapping[str, tuple[Ballot, ...]] = field(default_factory=dict)
    suspended_at: datetime | None = None
    suspended_until: date | None = None
    rests: tuple[tuple[datetime, datetime], ...] = ()
    archive_no: str | None = None

    @property
    def turns(self) -> tuple[Turn, ...]:
        """The nodes where the case waits, in the flow's order."""
        if self.node is None or self.node_since is None:
            return ()
        return (Turn(self.node, self.node_since, self.due_at), *self.beside)

    def turn_at(self, node: str) -> Turn | None:
        """The turn of this node, when the case waits there."""
        return next((turn for turn in self.turns if turn.node == node), None)

    @classmethod
    def open(
        cls,
        flow: Flow,
        *,
        case_id: str,
        case_no: str,
        title: str,
        village_code: str,
        by: RoleHolder,
        fields: NodeFields,
        now: datetime,
    ) -> tuple[Self, CaseOpened]:
        """A new case at the flow's first node; raises `RoleMissing`, `FieldsMissing`, `FieldsUnsound`."""
        role = _opening_role(flow, by)
        if not title.strip():
            raise FieldsMissing("请填写标题", "The case needs a title", [FieldError("title", "必填", "Required")])
        check_text("title", title)
        check_form(flow.form, fields)
        return cls._opened(flow, case_id, case_no, title, village_code, by, role, fields, now)

    @classmethod
    def record_opening(
        cls,
        flow: Flow,
        *,
        case_id: str,
        case_no: str,
        title: str,
        village_code: str,
        by: RoleHolder,
        fields: NodeFields,
        occurred_at: datetime,
        now: datetime,
    ) -> tuple[Self, CaseOpened]:
        """Take over the opening of an existing record as it happened; raises `TimeUnsound`, `FieldsUnsound`."""
        if occurred_at > now:
            raise TimeUnsound("立案时间不能晚于现在", "A case cannot be opened in the future", [_TIME])
        check_text("title", title)
        check_days(fields)
        return cls._opened(flow, case_id, case_no, title, village_code, by, HANDLER, fields, occurred_at)

    def complete(
        self,
        flow: Flow,
        *,
        node: str,
        by: RoleHolder,
        fields: NodeFields,
        documents: tuple[DocumentRef, ...],
        now: datetime,
    ) -> tuple[Self, NodeCompleted]:
        """Complete the present node. Fields and papers beyond those asked for are kept too.

        Raises `CaseNotOpen`, `CaseRests`, `NoSuchNode`, `WrongNode`, `RoleMissing`, `NoticeRunning`, `NotApproved`,
        `FieldsMissing`, `FieldsUnsound`, `NotCarried`, `DocumentsMissing`.
        """
        at = self._waiting_at(flow, node, by)
        role = filing_role(at, by)
        now = max(now, self.last_at)
        self._check_notice_over(now)
        check_verdict(at, fields)
        check_form(at.form, fields, self.known(flow, at.code))
        if at.joint:
            cast = self.ballots.get(at.code, ())
            if at.by_ballot:
                fields = with_counts((use.name for use in at.form), fields, cast)
            check_carried(at.joint, fields, cast)
        if at.notice_days:
            check_notice(at, fields, self.node_since or self.opened_at, now)
        check_documents(at, documents)
        return self._completed(flow, at, by, role, fields, documents, now)

    def cast(
        self, flow: Flow, *, node: str, vote: Vote, by: RoleHolder, concerned: Collection[str], now: datetime
    ) -> tuple[Self, BallotCast]:
        """Vote at a node whose body decides by ballot; a later ballot of the same person replaces the one before.

        `concerned` are the keys of those whom the case is about: they can only stand aside. Raises `CaseNotOpen`,
        `CaseRests`, `NoSuchNode`, `WrongNode`, `NotByBallot`, `RoleMissing`, `NoticeRunning`, `MustStandAside`,
        `BallotRepeated`.
        """
        at = self._waiting_at(flow, node, by)
        aside = vote == "stand_aside"
        role = self._voting_role(at, by)
        now = max(now, self.last_at)
        self._check_notice_over(now)
        if by.person_key in concerned and not aside:
            raise MustStandAside("请选择“回避”", "Choose to stand aside")
        ballot = Ballot(
            person_key=by.person_key,
            name=by.name,
            vote="abstain" if vote == "stand_aside" else vote,
            cast_at=now,
            role=role,
            stands_aside=aside,
        )
        before = self.ballots.get(at.code, ())
        if any(each.model_copy(update={"cast_at": now}) == ballot for each in before):
            raise BallotRepeated("不必重复提交", "There is no need to send it again")
        others = (each for each in before if each.person_key != by.person_key)
        ballots = {**self.ballots, at.code: (*others, ballot)}
        case = replace(self, sequence=self.sequence + 1, last_at=now, ballots=ballots)
        return case, BallotCast(**case._event(by, role, now), node=at.code, ballot=ballot)

    def record(
        self,
        flow: Flow,
        *,
        node: str,
        by: RoleHolder,
        fields: NodeFields,
        documents: tuple[DocumentRef, ...],
        occurred_at: datetime,
        now: datetime,
    ) -> tuple[Self, NodeCompleted]:
        """Take over a node of an existing record as it happened: in any order, more than once, after closing.

        The event's `expected_node` is the node that was due instead when the order was broken. Records ahead of
        the present node move the case behind them. Raises `CaseNotOpen` for a withdrawn case, `CaseRests`,
        `AlreadyArchived`, `NoSuchNode`, `TimeUnsound` for a time in the future or before the opening, and
        `FieldsUnsound` for days centuries away.
        """
        if self.status == "withdrawn":
            raise CaseNotOpen("案件已经撤回", "The case was withdrawn")
        self._check_unarchived()
        self._check_awake()
        at = flow.node(node)
        if not self.opened_at <= occurred_at <= now:
            raise TimeUnsound(
                "办理时间不能早于立案或晚于现在",
                "A node cannot be done before the case was opened, nor in the future",
                [_TIME],
            )
        check_days(fields)
        return self._completed(flow, at, by, at.role, fields, documents, occurred_at, backfilled=True)

    def send_back(
        self, flow: Flow, *, to_node: str, reason: str, by: RoleHolder, now: datetime
    ) -> tuple[Self, NodeReturned]:
        """Send the case back to an earlier node, also while a notice runs: that is what objections are for.

        Nodes that wait beside go back with it, unless it goes to one that was done beside them. Raises
        `CaseNotOpen`, `CaseRests`, `NoSuchNode`, `RoleMissing`, `CannotSendBack`, `ReasonMissing`.
        """
        at = self._awake(flow, by)
        to = flow.node(to_node)
        role = filing_role(at, by)
        now = max(now, self.last_at)
        if to.code not in self._ways_back(flow):
            raise CannotSendBack(
                f"只能退回到 {at.code} 之前本案须办的节点",
                f"Only to a node before {at.code} that this case is asked for",
                [FieldError("to_node", "应为之前的节点", "Name an earlier node")],
            )
        case = self._back_at(flow, to, now)
        return case, NodeReturned(
            **case._event(by, role, now),
            node=at.code,
            to_node=to.code,
            reason=_reason(reason),
            **case._waiting_beside(to.code),
        )

    def withdraw(self, flow: Flow, *, reason: str, by: RoleHolder, now: datetime) -> tuple[Self, CaseWithdrawn]:
        """End the case before its time: by who opened it, by a handler, or by who decides at the present node.

        Raises `CaseNotOpen`, `RoleMissing`, `ReasonMissing`.
        """
        at = self._present(flow, by)
        role = self._withdrawing_role(at, by)
        if role is None:
            raise RoleMissing("只有发起人、经办人或本节点审批人可以撤回", "Only the opener, a handler or the approver")
        now = max(now, self.last_at)
        case = replace(
            self,
            status="withdrawn",
            node=None,
            sequence=self.sequence + 1,
            last_at=now,
            node_since=None,
            due_at=None,
            beside=(),
            notice_ends_at=None,
            ballots={},
            suspended_at=None,
            suspended_until=None,
        )
        return case, CaseWithdrawn(**case._event(by, role, now), node=at.code, reason=_reason(reason))

    def suspend(
        self, flow: Flow, *, reason: str, until: date | None, by: RoleHolder, now: datetime
    ) -> tuple[Self, CaseSuspended]:
        """Let the case rest, as a rule until a day: by a handler, or by whose turn it is. No term runs meanwhile.

        Raises `CaseNotOpen`, `CaseRests`, `RoleMissing`, `ReasonMissing`, `FieldsUnsound` for a day that has passed.
        """
        at = self._awake(flow, by)
        role = _tending_role(at, by)
        now = max(now, self.last_at)
        if until and until < now.astimezone(SHANGHAI).date():
            raise FieldsUnsound("中止到的日期已过", "This day has passed", [_UNTIL])
        case = replace(
            self,
            sequence=self.sequence + 1,
            last_at=now,
            due_at=None,
            beside=tuple(replace(turn, due_at=None) for turn in self.beside),
            suspended_at=now,
            suspended_until=until,
        )
        told = case._event(by, role, now)
        return case, CaseSuspended(**told, node=at.code, reason=_reason(reason), until=until)

    def resume(self, flow: Flow, *, by: RoleHolder, now: datetime) -> tuple[Self, CaseResumed]:
        """The case goes on where it rested, and its terms end later; by who may let it rest.

        Raises `CaseNotOpen`, `CaseRestsNot`, `RoleMissing`.
        """
        at = self._present(flow, by)
        role = _tending_role(at, by)
        since = self.suspended_at
        if since is None:
            raise CaseRestsNot("案件没有中止,不必恢复", "The case is not suspended")
        now = max(now, self.last_at)
        rests = (*self.rests, (since, now))
        later = [
            replace(turn, due_at=_due(flow.node(turn.node), turn.since, self.completed, rests)) for turn in self.turns
        ]
        awake = replace(
            self, sequence=self.sequence + 1, last_at=now, suspended_at=None, suspended_until=None, rests=rests
        )
        case = awake._waiting(later)
        told = case._event(by, role, now)
        return case, CaseResumed(**told, node=at.code, suspended_at=since, **case._waiting_beside(at.code))

    def amend(
        self,
        flow: Flow,
        *,
        node: str | None,
        told: Told,
        fields: NodeFields,
        reason: str,
        by: RoleHolder,
        now: datetime,
    ) -> tuple[Self, CaseAmended]:
        """Put right what was filed at a completed node, or at the opening without one. `told` is what it says now.

        An open case goes back to the first decision made after it, a closed one stays closed. Raises
        what `check_amendable` does, `CannotAmend`, `FieldsMissing`, `FieldsUnsound`, `NotApproved`, `ReasonMissing`.
        """
        role = self.check_amendable(flow, node, by)
        at = flow.node(node) if node else None
        now = max(now, self.last_at)
        whole, changed, before = put_right(at.form if at else flow.form, told.fields, fields, fixed_at(at))
        if at:
            check_verdict(at, whole)
        right = replace(self, answers=_answers(flow, self.answers, node or "", whole), ballots={})
        to = right.back_to(flow, node)
        case = right._back_at(flow, to, now) if to else replace(right, sequence=self.sequence + 1, last_at=now)
        event = CaseAmended(
            **case._event(by, role, now),
            node=node,
            supersedes=told.sequence,
            done_at=told.done_at,
            changed=changed,
            before=before,
            fields=whole,
            reason=_reason(reason),
            to_node=to.code if to else None,
            **(case._waiting_beside(to.code) if to else {}),
        )
        check_size(event)
        return case, event

    def check_amendable(self, flow: Flow, node: str | None, by: RoleHolder) -> str:
        """The role in which the caller may put a form right; a decision's only who made it, any other a handler too.

        Raises `NoSuchNode`, `RoleMissing`, `CaseNotOpen` for a withdrawn case, `CaseRests`, `AlreadyArchived`,
        `CannotAmend` for a node that isn't completed.
        """
        role = self._amending_role(flow, flow.node(node) if node else None, by)
        if role is None:
            raise RoleMissing(
                "只有填报人或经办人可以更正;审批意见只由审批人本人更正",
                "Only who filed it or a handler; a decision's form only who decided",
            )
        if self.status == "withdrawn":
            raise CaseNotOpen(*_ENDED[self.status])
        self._check_unarchived()
        self._check_awake()
        if node and node not in self.completed:
            raise CannotAmend(f"{node} 尚未办理,不必更正", f"{node} has not been completed")
        return role

    def back_to(self, flow: Flow, node: str | None) -> Node | None:
        """Where an open case goes when this node or the opening was amended: to the first decision made after it.

        Or to a node that was passed over, when it is asked for now.
        """
        if self.node is None:
            return None
        amended, present = flow.node(node).turn if node else 0, flow.node(self.node).turn
        between = (each for each in flow.nodes if amended < each.turn <= present and not self.turn_at(each.code))
        return next(
            (
                each
                for each in between
                if (each.decision if each.code in self.completed else each.when and self.asks(flow, each))
            ),
            None,
        )

    def asks(self, flow: Flow, node: Node) -> bool:
        """Whether this case is asked for the node, as the last form before it says; the unknown counts as a yes."""
        if node.when is None:
            return True
        before = ("", *(each.code for each in flow.nodes if each.turn < node.turn))
        told = [self.answers[code] for code in before if node.when.field in self.answers.get(code, {})]
        return node.when.holds(told[-1][node.when.field] if told else None)

    def known(self, flow: Flow, node: str | None) -> dict[str, Any]:
        """What all forms but this node's, or the opening's without one, say in figures."""
        codes = ("", *(each.code for each in flow.nodes))
        return arithmetic.known_of(self.answers, self.completed, (code for code in codes if code != (node or "")))

    def archive(
        self, *, archive_no: str | None, documents: int, digest: str, by: RoleHolder, now: datetime
    ) -> tuple[Self, CaseArchived]:
        """Put a closed case into the archive, under its own number when no other is given: by a handler, once.

        `documents` and `digest` are what `archive.seal` says of the case's log.
        Raises `CaseNotClosed`, `AlreadyArchived`, `RoleMissing`, `FieldsUnsound`.
        """
        if HANDLER not in by.roles:
            raise RoleMissing("归档由经办人办理", "Archiving is for a handler")
        if self.status != "closed":
            raise CaseNotClosed("案件办结后才能归档", "A case is archived after it is closed")
        self._check_unarchived()
        check_text("archive_no", archive_no or "")
        now = max(now, self.last_at)
        number = (archive_no or "").strip() or self.case_no
        case = replace(self, sequence=self.sequence + 1, last_at=now, archive_no=number)
        told = case._event(by, HANDLER, now)
        return case, CaseArchived(**told, archive_no=number, documents=documents, digest=digest)

    def actions(self, flow: Flow, by: RoleHolder, now: datetime) -> Actions:
        """What this caller may do now."""
        if self.status == "withdrawn" or self.archive_no is not None:
            return Actions()
        amends = tuple(code for code in self.completed if self._amending_role(flow, flow.node(code), by))
        amends_opening = self._amending_role(flow, None, by) is not None
        if self.status == "closed":
            return Actions(archive=HANDLER in by.roles, amend=amends, amend_opening=amends_opening)
        here = [flow.node(turn.node) for turn in self.turns]
        tends = any(not by.roles.isdisjoint({*at.filers, HANDLER}) for at in here)
        withdraws = self._withdrawing_role(self._present(flow, by), by) is not None
        if self.suspended_at is not None:
            return Actions(withdraw=withdraws, resume=tends)
        files = tuple(at.code for at in here if not at.filers.isdisjoint(by.roles))
        votes = tuple(at.code for at in here if at.by_ballot and self._votes_as(at, by) is not None)
        waits_until = self.notice_ends_at if self.notice_ends_at and now < self.notice_ends_at else None
        return Actions(
            complete=bool(files) and waits_until is None,
            waits_until=waits_until,
            send_back_to=self._ways_back(flow) if files else (),
            withdraw=withdraws,
            suspend=tends,
            amend=amends,
            amend_opening=amends_opening,
            complete_at=files if waits_until is None else (),
            cast_at=votes if waits_until is None else (),
        )

    def to_state(self) -> dict[str, Any]:
        """The case as JSON."""
        state = {f.name: getattr(self, f.name) for f in fields(self)}
        state = {name: value.isoformat() if isinstance(value, date) else value for name, value in state.items()}
        return state | {
            "completed": {code: done.isoformat() for code, done in self.completed.items()},
            "ballots": {code: [each.model_dump(mode="json") for each in cast] for code, cast in self.ballots.items()},
            "beside": [
                {"node": turn.node, "since": turn.since.isoformat(), "due_at": turn.due_at and turn.due_at.isoformat()}
                for turn in self.beside
            ],
            "rests": [[since.isoformat(), until.isoformat()] for since, until in self.rests],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """The case that `to_state` wrote."""
        times = {
            name: datetime.fromisoformat(state[name]) if state.get(name) else None
            for name in ("opened_at", "last_at", "node_since", "due_at", "notice_ends_at", "suspended_at")
        }
        until = state.get("suspended_until")
        more = {
            "suspended_until": date.fromisoformat(until) if until else None,
            "completed": {code: datetime.fromisoformat(done) for code, done in state["completed"].items()},
            "beside": tuple(
                Turn(
                    turn["node"],
                    datetime.fromisoformat(turn["since"]),
                    datetime.fromisoformat(turn["due_at"]) if turn["due_at"] else None,
                )
                for turn in state.get("beside", ())
            ),
            "ballots": {
                code: tuple(Ballot.model_validate(each) for each in cast)
                for code, cast in state.get("ballots", {}).items()
            },
            "rests": tuple(
                (datetime.fromisoformat(since), datetime.fromisoformat(end)) for since, end in state.get("rests", ())
            ),
        }
        return cls(**{**state, **times, **more})

    def _present(self, flow: Flow, by: RoleHolder) -> Node:
        """The node where the case waits; of several, the first that the caller files."""
        if self.node is None:
            raise CaseNotOpen(*_ENDED[self.status])
        here = [flow.node(turn.node) for turn in self.turns]
        return next((at for at in here if not at.filers.isdisjoint(by.roles)), here[0])

    def _awake(self, flow: Flow, by: RoleHolder) -> Node:
        at = self._present(flow, by)
        self._check_awake()
        return at

    def _waiting_at(self, flow: Flow, node: str, by: RoleHolder) -> Node:
        self._awake(flow, by)
        at = flow.node(node)
        if self.turn_at(node) is None:
            here = [flow.node(turn.node) for turn in self.turns]
            zh = "、".join(f"{each.code} {each.name.zh}" for each in here)
            en = ", ".join(f"{each.code} {each.name.en}" for each in here)
            raise WrongNode(f"案件现在 {zh}", f"The case is at {en}")
        return at

    def _ways_back(self, flow: Flow) -> tuple[str, ...]:
        """The nodes that it may be sent back to: those before, and those done beside the ones that wait."""
        present = flow.node(self.node or "").turn
        before = (node for node in flow.nodes if node.turn < present and self.asks(flow, node))
        beside = (node for node in flow.nodes if node.turn == present and node.code in self.completed)
        return tuple(node.code for node in (*before, *beside))

    def _waiting(self, turns: Iterable[Turn]) -> Self:
        """The case where it waits at these nodes, the first of the flow first."""
        first, *others = sorted(turns, key=lambda turn: turn.node)
        return replace(self, node=first.node, node_since=first.since, due_at=first.due_at, beside=tuple(others))

    def _waiting_beside(self, node: str) -> dict[str, Any]:
        """What an event says of the term at one node, and of the others that wait."""
        at = self.turn_at(node)
        others = tuple(Waiting(node=turn.node, due_at=turn.due_at) for turn in self.turns if turn.node != node)
        return {"next_due_at": at.due_at if at else None, "also_waiting": others}

    def _check_notice_over(self, now: datetime) -> None:
        if self.notice_ends_at and now < self.notice_ends_at:
            until = self.notice_ends_at.astimezone(SHANGHAI)
            raise NoticeRunning(f"公示到 {until:%Y-%m-%d %H:%M} 期满", f"The notice runs until {until:%Y-%m-%d %H:%M}")

    def _voting_role(self, at: Node, by: RoleHolder) -> str:
        if not at.joint or not at.by_ballot:
            raise NotByBallot(f"{at.code} {at.name.zh}", f"{at.code} {at.name.en}")
        role = self._votes_as(at, by)
        if role is None:
            zh = "、".join(place.name.zh for place in at.joint.places)
            en = ", ".join(place.name.en for place in at.joint.places)
            raise RoleMissing(f"由{zh}的成员表决", f"Members of these vote: {en}")
        return role

    def _votes_as(self, at: Node, by: RoleHolder) -> str | None:
        """For which role somebody votes: as before, else where a vote is missing, else any that is his."""
        if not at.joint:
            return None
        cast = self.ballots.get(at.code, ())
        before = next((each.role for each in cast if each.person_key == by.person_key), None)
        wanted = [place.role for place, _ in at.joint.open_places(cast)]
        return next((role for role in (before, *wanted, *at.joint.voters) if role in by.roles), None)

    def _check_awake(self) -> None:
        if self.suspended_at is not None:
            raise CaseRests("案件已中止,请先恢复办理", "The case is suspended; resume it first")

    def _check_unarchived(self) -> None:
        if self.archive_no is not None:
            raise AlreadyArchived(f"案件已归档,档号 {self.archive_no}", f"It is in the archive as {self.archive_no}")

    def _withdrawing_role(self, at: Node, by: RoleHolder) -> str | None:
        if HANDLER in by.roles:
            return HANDLER
        if at.decision and at.role in by.roles:
            return at.role
        return "applicant" if by.person_key == self.opened_by else None

    def _amending_role(self, flow: Flow, at: Node | None, by: RoleHolder) -> str | None:
        filed = self.filed_by.get(at.code) if at else self.opened_by
        own = at.filers if at else frozenset({*OPENERS, flow.first.role})
        if filed == by.person_key and (held := own & by.roles):
            return filing_role(at, by) if at else _opening_role(flow, replace(by, roles=held))
        return HANDLER if HANDLER in by.roles and not (at and at.decision) else None

    def _back_at(self, flow: Flow, to: Node, now: datetime) -> Self:
        """Back at a node; what was done beside it stays done, and what waits beside it goes on waiting."""
        stays = {node.code for node in flow.nodes if node.turn <= to.turn and node != to}
        completed = {code: done for code, done in self.completed.items() if code in stays}
        waits = [turn for turn in self.turns if flow.node(turn.node).turn == to.turn]
        back = replace(
            self,
            sequence=self.sequence + 1,
            last_at=now,
            notice_ends_at=None,
            completed=completed,
            filed_by={code: who for code, who in self.filed_by.items() if code in completed},
            answers={code: told for code, told in self.answers.items() if code in completed or not code},
            ballots={turn.node: self.ballots[turn.node] for turn in waits if turn.node in self.ballots},
        )
        return back._waiting([*waits, Turn(to.code, now, _due(to, now, completed, self.rests))])

    @classmethod
    def _opened(
        cls,
        flow: Flow,
        case_id: str,
        case_no: str,
        title: str,
        village_code: str,
        by: RoleHolder,
        role: str,
        filled: NodeFields,
        when: datetime,
    ) -> tuple[Self, CaseOpened]:
        case = cls(
            case_id=case_id,
            case_no=case_no,
            title=title.strip(),
            matter=flow.matter,
            flow=flow.code,
            flow_version=flow.version,
            village_code=village_code,
            town_code=town_of(village_code),
            status="open",
            node=flow.first.code,
            sequence=1,
            opened_at=when,
            opened_by=by.person_key,
            last_at=when,
            node_since=when,
            due_at=_due(flow.first, when, {}, ()),
            answers=_answers(flow, {}, "", filled),
        )
        told = case._event(by, role, when)
        event = CaseOpened(**told, fields=filled, next_node=flow.first.code, next_due_at=case.due_at)
        check_size(event)
        return case, event

    def _completed(
        self,
        flow: Flow,
        at: Node,
        by: RoleHolder,
        role: str,
        filled: NodeFields,
        documents: tuple[DocumentRef, ...],
        when: datetime,
        *,
        backfilled: bool = False,
    ) -> tuple[Self, NodeCompleted]:
        left = (node for node in flow.nodes if node.code not in self.completed and self.asks(flow, node))
        expected = self.node or next((node.code for node in left), None)
        notice_ends_at = _notice_end(at, filled, when)
        case = replace(
            self,
            sequence=self.sequence + 1,
            last_at=max(when, self.last_at),
            completed={**self.completed, at.code: when},
            filed_by={**self.filed_by, at.code: by.person_key},
            answers=_answers(flow, self.answers, at.code, filled),
            ballots={code: cast for code, cast in self.ballots.items() if code != at.code},
        )
        left_out: tuple[str, ...] = ()
        turn = self.turn_at(at.code)
        if self.node is not None and (turn or at.turn > flow.node(self.node).turn):
            case = case._moved_behind(flow, at, when, notice_ends_at)
            passed = flow.nodes[flow.node(self.node).order - 1 : flow.node(case.node).order - 1 if case.node else None]
            left_out = tuple(each.code for each in passed if each != at and not case.asks(flow, each))
        event = NodeCompleted(
            **case._event(by, role, when),
            node=at.code,
            fields=filled,
            documents=documents,
            required_documents=at.required_documents,
            started_at=turn.since if turn else None,
            due_at=turn.due_at if turn else None,
            notice_ends_at=notice_ends_at,
            expected_node=expected if not turn and expected != at.code and self.asks(flow, at) else None,
            left_out=left_out,
            next_node=case.node,
            **case._waiting_beside(case.node or ""),
            backfilled=backfilled,
            ballots=self.ballots.get(at.code, ()),
        )
        check_size(event)
        return case, event

    def _moved_behind(self, flow: Flow, at: Node, when: datetime, notice_ends_at: datetime | None) -> Self:
        """Where it waits after a node: at what is still to be done beside it, else at the next turn's nodes."""
        waits = {turn.node: turn for turn in self.turns}
        left = [node for node in flow.together(at) if node.code not in self.completed and self.asks(flow, node)]
        if left:
            others = [waits.get(node.code) or self._turn_of(node, when) for node in left]
            return replace(self, notice_ends_at=None)._waiting(others)
        following = next((node for node in flow.nodes if node.turn > at.turn and self.asks(flow, node)), None)
        if following is None:
            ended = replace(self, status="closed", node=None, node_since=None, due_at=None, notice_ends_at=None)
            return replace(ended, beside=(), ballots={})
        since = max(when, notice_ends_at or when)
        opened = [node for node in flow.together(following) if self.asks(flow, node)]
        moved = replace(self, notice_ends_at=notice_ends_at, ballots={})
        return moved._waiting(self._turn_of(node, since) for node in opened)

    def _turn_of(self, node: Node, since: datetime) -> Turn:
        return Turn(node.code, since, _due(node, since, self.completed, self.rests))

    def _event(self, by: RoleHolder, role: str, when: datetime) -> dict[str, Any]:
        return {
            "case_id": self.case_id,
            "case_no": self.case_no,
            "title": self.title,
            "matter": self.matter,
            "flow": self.flow,
            "flow_version": self.flow_version,
            "village_code": self.village_code,
            "town_code": self.town_code,
            "sequence": self.sequence,
            "occurred_at": when,
            "actor": Actor(person_key=by.person_key, name=by.name, role=role),
        }


_TIME = FieldError("occurred_at", "时间不合理", "This time cannot be right")
_UNTIL = FieldError("until", "应为今天或以后", "Today or later")
_ENDED = {
    "closed": ("案件已经办结", "The case is closed"),
    "withdrawn": ("案件已经撤回", "The case was withdrawn"),
}


def _answers(
    flow: Flow, before: Mapping[str, Mapping[str, Any]], code: str, filled: NodeFields
) -> Mapping[str, Mapping[str, Any]]:
    """What is known of the fields that branches and checks go by, with what this form says of them."""
    told = {name: value for name in sorted(flow.asked) if (value := getattr(filled, name)) is not None}
    told |= arithmetic.told(filled)
    others = {each: answers for each, answers in before.items() if each != code}
    return {**others, code: told} if told else others


def _due(
    node: Node, since: datetime, completed: Mapping[str, datetime], rests: Sequence[tuple[datetime, datetime]]
) -> datetime | None:
    """When the node must be completed: its term, the days of its notice, and those that the case rested meanwhile."""
    if node.term is None:
        return None
    start = completed.get(node.term.start, since)
    rested = sum(_days_between(max(begun, start), over, node.term.unit) for begun, over in rests)
    return due_at(start, node.term.days + rested, node.term.unit) + timedelta(days=node.notice_days)


def _days_between(begun: datetime, over: datetime, unit: Unit) -> int:
    """The days after the first up to the last; a rest of less than a day moves no term."""
    first, last = begun.astimezone(SHANGHAI).date(), over.astimezone(SHANGHAI).date()
    days = [first + timedelta(days=day) for day in range(1, (last - first).days + 1)]
    return len(days) if unit == "calendar_day" else sum(map(is_working_day, days))


def _notice_end(node: Node, filled: NodeFields, when: datetime) -> datetime | None:
    """The end of the notice's last day: `notice_days` after the day of posting, or `notice_to` when that is later."""
    if not node.notice_days:
        return None
    posted = filled.notice_from or when.astimezone(SHANGHAI).date()
    last = max(posted + timedelta(days=node.notice_days), filled.notice_to or posted)
    return datetime.combine(last + timedelta(days=1), time(), SHANGHAI).astimezone(UTC)


def _opening_role(flow: Flow, by: RoleHolder) -> str:
    for role in (*OPENERS, flow.first.role):
        if role in by.roles:
            return role
    raise RoleMissing(
        f"可由经办人、申请人、报账员、书记主任或{flow.first.role_name.zh}发起",
        f"A handler, applicant, reporting clerk, village head or {flow.first.role_name.en} may open it",
    )


def filing_role(node: Node, by: RoleHolder) -> str:
    """The role in which the caller files this node: its own, or the handler's for a role without an account."""
    for role in (node.role, *sorted(node.filers - {node.role})):
        if role in by.roles:
            return role
    raise RoleMissing(f"{node.code} 由{node.role_name.zh}办理", f"{node.code} is for: {node.role_name.en}")


def _tending_role(node: Node, by: RoleHolder) -> str:
    """The role in which the caller lets a case rest at this node: the handler's, or one that files it."""
    if HANDLER in by.roles:
        return HANDLER
    for role in sorted(node.filers & by.roles):
        return role
    raise RoleMissing(
        f"只有经办人或{node.role_name.zh}可以中止和恢复", f"Only a handler or {node.role_name.en} suspends and resumes"
    )


def _reason(reason: str) -> str:
    if not reason.strip():
        raise ReasonMissing("请写明理由", "Say why", [FieldError("reason", "必填", "Required")])
    check_text("reason", reason)
    return reason.strip()
