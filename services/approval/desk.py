"""What people do with cases. Each deed reads the same: load and lock, let the case decide, save."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from uuid import UUID, uuid4

from services.approval import cases, documents, kinship, store
from services.approval.archive import seal
from services.approval.arithmetic import arithmetic
from services.approval.cases import Actions, Case
from services.approval.changes import CaseChange, waits_for
from services.approval.documents import FiledPaper
from services.approval.errors import ChangedMeanwhile, Kin, MustStandAside, RoleMissing
from services.approval.flows import Catalogue, Flow, Node
from services.approval.joint import Vote, concerned
from services.approval.store import LogEntry
from services.approval.told import Told, told_now
from services.approval.work import absences, standing_in
from shared import audit, regions
from shared.contracts.power import (
    BallotCast,
    CaseAmended,
    CaseWithdrawn,
    NodeCompleted,
    NodeFields,
    NodeReturned,
    PowerEvent,
)
from shared.db import Connection
from shared.principals import Principal
from shared.problems import FieldError, InvalidInput, Problem
from shared.workdays import SHANGHAI

MAX_TITLE = 200


@dataclass(frozen=True)
class Opened:
    """A case as somebody looks at it."""

    case: Case
    flow: Flow
    log: list[LogEntry]
    actions: Actions

    @property
    def told(self) -> dict[str | None, Told]:
        """What the forms say now, by node; the opening's under None."""
        return told_now((entry.type, entry.data) for entry in self.log)


class Desk:
    """One caller at work in one transaction, which is bound to the caller's regions.

    `seen` is the case's `sequence` as the caller saw it: a case that went on meanwhile is not changed.
    """

    def __init__(self, conn: Connection, catalogue: Catalogue, caller: Principal) -> None:
        self._conn = conn
        self._catalogue = catalogue
        self._caller = caller

    async def look(self, case_id: UUID) -> Opened:
        """A case with its history and what the caller may do; raises `CaseNotFound`."""
        case = await store.find(self._conn, case_id)
        flow = self._catalogue.flow(case.flow, case.flow_version)
        log = await store.log_of(self._conn, case_id)
        return Opened(case, flow, log, case.actions(flow, self._by(case.village_code), datetime.now(UTC)))

    async def read(self, case_id: UUID) -> Opened:
        """What `look` gives, to somebody who reads it: the audit log tells of it anew each hour."""
        seen = await self.look(case_id)
        where = seen.case.village_code
        await audit.record(self._conn, self._caller, "case.viewed", f"case:{case_id}", region=where, hourly=True)
        return seen

    async def aside(self, seen: Opened, node: Node) -> Problem | None:
        """Why the caller may not decide at a node that is otherwise his to take, or None."""
        files, votes = (node.code in nodes for nodes in (seen.actions.complete_at, seen.actions.cast_at))
        if not node.decision or not (files or votes):
            return None
        village, today = seen.case.village_code, _day_of(datetime.now(UTC))
        about = _concerned(seen.case, seen.log)
        try:
            if files:
                step = kinship.Step(cases.filing_role(node, self._by(village)), node.filers, village)
                await kinship.check_decider(self._conn, self._caller, step, about, today)
            else:
                await kinship.check_voter(self._conn, self._caller, about, today)
        except (Kin, MustStandAside) as refused:
            return refused
        return None

    async def open(self, *, flow_code: str, village_code: str, title: str, fields: NodeFields) -> Case:
        """Open a case in a village; raises what `Case.open` does, `NoSuchFlow`, `InvalidInput` for no village."""
        flow = self._catalogue.flow(flow_code)
        check_village(village_code)
        _check_title(title)
        self._catalogue.check_amount(flow, fields.estimate_fen)
        by, now = self._opener(flow, village_code), datetime.now(UTC)
        number = await store.next_number(self._conn, village_code, flow.code, now) if by.roles else ""
        case, event = Case.open(
            flow,
            case_id=str(uuid4()),
            case_no=number,
            title=title,
            village_code=village_code,
            by=by,
            fields=fields,
            now=now,
        )
        arithmetic().check(flow.code, fields, {}, _day_of(now))
        return await self._save(flow, case, event)

    async def complete(
        self, case_id: UUID, *, node: str, fields: NodeFields, papers: Sequence[FiledPaper], seen: int | None
    ) -> Case:
        """Complete the present node.

        Raises what `Case.complete` does, `ChangedMeanwhile`, `DocumentNotFound`, and `MustStandAside`, `Kin` at a
        decision on the caller himself or his kin.
        """
        case, flow = await self._lock(case_id, seen)
        refs = await documents.to_refs(self._conn, papers)
        by = self._by(case.village_code)
        after, event = case.complete(flow, node=node, by=by, fields=fields, documents=refs, now=datetime.now(UTC))
        await self._check_papers(flow, case, event)
        await self._check_decider(flow, case, event)
        return await self._save(flow, after, event)

    async def cast(self, case_id: UUID, *, node: str, vote: Vote, seen: int | None) -> Case:
        """Vote in person; raises what `Case.cast` does, `Kin`, `ChangedMeanwhile` unless only others voted since."""
        case, flow = await self._lock(case_id, seen, but_for=BallotCast.TYPE)
        about = _concerned(case, await store.log_of(self._conn, case_id))
        by = replace(self._by(case.village_code), roles=standing_in.own_roles(self._caller, case.village_code))
        now = datetime.now(UTC)
        after, event = case.cast(flow, node=node, vote=vote, by=by, concerned=about, now=now)
        if not event.ballot.stands_aside:
            await kinship.check_voter(self._conn, self._caller, about, _day_of(now))
        return await self._save(flow, after, event)

    async def intend(
        self, case_id: UUID, *, node: str, fields: NodeFields, papers: Sequence[FiledPaper]
    ) -> NodeCompleted:
        """What completing the present node would tell; nothing is kept. Raises what `complete` does."""
        case = await store.find(self._conn, case_id)
        refs = await documents.to_refs(self._conn, papers)
        by, now = self._by(case.village_code), datetime.now(UTC)
        flow = self._catalogue.flow(case.flow, case.flow_version)
        _, event = case.complete(flow, node=node, by=by, fields=fields, documents=refs, now=now)
        await self._check_papers(flow, case, event)
        await self._check_decider(flow, case, event)
        told = await self._in_person(event)
        assert isinstance(told, NodeCompleted)
        return told

    async def send_back(self, case_id: UUID, *, to_node: str, reason: str, seen: int | None) -> Case:
        """Send the case back; raises what `Case.send_back` does, `MustStandAside`, `Kin`, `ChangedMeanwhile`."""
        case, flow = await self._lock(case_id, seen)
        by = self._by(case.village_code)
        after, event = case.send_back(flow, to_node=to_node, reason=reason, by=by, now=datetime.now(UTC))
        await self._check_decider(flow, case, event)
        return await self._save(flow, after, event)

    async def withdraw(self, case_id: UUID, *, reason: str, seen: int | None) -> Case:
        """Take the case back; raises what `Case.withdraw` does, `MustStandAside`, `Kin`, `ChangedMeanwhile`.

        Who applied may do so, and a handler, for neither decides by it.
        """
        case, flow = await self._lock(case_id, seen)
        after, event = case.withdraw(flow, reason=reason, by=self._by(case.village_code), now=datetime.now(UTC))
        if event.actor.role == flow.node(event.node).role:
            await self._check_decider(flow, case, event)
        return await self._save(flow, after, event)

    async def suspend(self, case_id: UUID, *, reason: str, until: date | None, seen: int | None) -> Case:
        """Let the case rest; raises what `Case.suspend` does, `ChangedMeanwhile`."""
        case, flow = await self._lock(case_id, seen)
        by, now = self._by(case.village_code), datetime.now(UTC)
        after, event = case.suspend(flow, reason=reason, until=until, by=by, now=now)
        return await self._save(flow, after, event)

    async def resume(self, case_id: UUID, *, seen: int | None) -> Case:
        """The case goes on; raises what `Case.resume` does, `ChangedMeanwhile`."""
        case, flow = await self._lock(case_id, seen)
        after, event = case.resume(flow, by=self._by(case.village_code), now=datetime.now(UTC))
        return await self._save(flow, after, event)

    async def amendable(self, case_id: UUID, node: str | None) -> Opened:
        """The case, to somebody who is to amend this form of it; raises what `Case.check_amendable` does."""
        seen = await self.look(case_id)
        seen.case.check_amendable(seen.flow, node, self._by(seen.case.village_code))
        return seen

    async def amend(
        self, case_id: UUID, *, node: str | None, fields: NodeFields, reason: str, seen: int | None
    ) -> Case:
        """Put right what was filed; raises what `Case.amend` does, `ChangedMeanwhile`."""
        case, flow = await self._lock(case_id, seen)
        by = self._by(case.village_code)
        case.check_amendable(flow, node, by)
        if node is None:
            self._catalogue.check_amount(flow, fields.estimate_fen)
        told = told_now((entry.type, entry.data) for entry in await store.log_of(self._conn, case_id))
        after, event = case.amend(
            flow, node=node, told=told[node], fields=fields, reason=reason, by=by, now=datetime.now(UTC)
        )
        await self._check_papers(flow, case, event)
        told[node] = replace(told[node], fields=event.fields)
        forms = [each.fields for each in sorted(told.values(), key=lambda each: each.sequence)]
        return await self._save(flow, after, event, forms)

    async def archive(self, case_id: UUID, *, archive_no: str | None, seen: int | None) -> Case:
        """Put the closed case into the archive; raises what `Case.archive` does, `ChangedMeanwhile`."""
        case, flow = await self._lock(case_id, seen)
        papers, digest = seal([entry.data for entry in await store.log_of(self._conn, case_id)])
        by, now = self._by(case.village_code), datetime.now(UTC)
        after, event = case.archive(archive_no=archive_no, documents=papers, digest=digest, by=by, now=now)
        return await self._save(flow, after, event)

    async def _check_papers(self, flow: Flow, case: Case, event: NodeCompleted | CaseAmended) -> None:
        """Hold a form against the case's others; raises `AnotherFlow`, `FieldsUnsound`, `PapersDiffer`."""
        form, changed = event.fields, event.changed if isinstance(event, CaseAmended) else None
        self._catalogue.check_within(flow, form if changed is None else form.model_copy(update=_unchanged(changed)))
        known = case.known(flow, event.node)
        if arithmetic().asks_changes(flow.code, form):
            known["approved_changes_fen"] = await store.approved_changes(self._conn, case, arithmetic().changes)
        arithmetic().check(flow.code, form, known, _day_of(datetime.now(UTC)), changed)

    async def _check_decider(self, flow: Flow, case: Case, event: NodeCompleted | NodeReturned | CaseWithdrawn) -> None:
        """Where a node decides, whoever takes it is not concerned; raises `MustStandAside`, `Kin`."""
        at = flow.node(event.node)
        if not at.decision:
            return
        step = kinship.Step(event.actor.role, at.filers, case.village_code)
        filed: dict[str | None, NodeFields] = {event.node: event.fields} if isinstance(event, NodeCompleted) else {}
        about = _concerned(case, await store.log_of(self._conn, UUID(case.case_id)), filed)
        await kinship.check_decider(self._conn, self._caller, step, about, _day_of(datetime.now(UTC)))

    def _by(self, village: str) -> cases.RoleHolder:
        return cases.RoleHolder(self._caller.person_key, self._caller.name, self._caller.roles_in(village))

    def _opener(self, flow: Flow, village: str) -> cases.RoleHolder:
        """The caller in his own roles where one of them may open; else with those for whom he stands in."""
        own = standing_in.own_roles(self._caller, village)
        by = self._by(village)
        return replace(by, roles=own) if own & {*cases.OPENERS, flow.first.role} else by

    async def _lock(self, case_id: UUID, seen: int | None, but_for: str = "") -> tuple[Case, Flow]:
        """The case as the caller saw it, `but_for` events of one type; raises `ChangedMeanwhile`."""
        case = await store.lock(self._conn, case_id)
        if seen is not None and seen != case.sequence:
            since = await store.log_of(self._conn, case_id, after=seen)
            if since and all(entry.type == but_for for entry in since):
                return case, self._catalogue.flow(case.flow, case.flow_version)
            raise ChangedMeanwhile.since(case.sequence, [(entry.sequence, entry.type, entry.data) for entry in since])
        return case, self._catalogue.flow(case.flow, case.flow_version)

    async def _save(self, flow: Flow, case: Case, event: PowerEvent, forms: Sequence[NodeFields] = ()) -> Case:
        event = await self._in_person(event)
        await store.save(self._conn, [CaseChange(case, [event], waits_for(flow, case), forms=forms)])
        action, told = event.TYPE.rpartition(".v")[0], {"sequence": case.sequence, "node": case.node}
        if event.on_behalf_of:
            told["on_behalf_of"] = event.on_behalf_of.person_key
        await audit.record(self._conn, self._caller, action, f"case:{case.case_id}", told, region=case.village_code)
        return case

    async def _in_person(self, event: PowerEvent) -> PowerEvent:
        """The event with the one for whom the caller stands in; raises `FourEyes`, `RoleMissing` when it is over."""
        if not isinstance(self._caller, standing_in.Seated):
            return event
        role = event.actor.role
        absence = standing_in.behind(self._caller, role, event.village_code)
        told = [entry.data for entry in await store.log_of(self._conn, UUID(event.case_id))]
        standing_in.check_four_eyes(told, self._caller, role, absence)
        if absence is None:
            return event
        held = await absences.find(self._conn, absence.absence_id)
        if held is None or held.standing(datetime.now(UTC)) != "on":
            raise RoleMissing("您的代理已经结束", "You no longer stand in for this role")
        return event.model_copy(update={"on_behalf_of": standing_in.on_behalf_of(absence)})


def check_village(code: str) -> None:
    """Refuse a code that is no village's; raises `InvalidInput`."""
    try:
        known = regions.region(code).level == "village"
    except KeyError:
        known = False
    if not known:
        wrong = FieldError("village_code", "请选择一个村", "Choose a village")
        raise InvalidInput("没有这个村", "No such village", [wrong])


def _concerned(
    case: Case, log: Sequence[LogEntry], filed: Mapping[str | None, NodeFields] | None = None
) -> frozenset[str]:
    """The keys of those whom a case is about: who applied, and who is named in its forms, with those filed now."""
    forms = {node: form.fields for node, form in told_now((entry.type, entry.data) for entry in log).items()}
    applied = {case.opened_by} if log[0].data["actor"]["role"] == "applicant" else set()
    return concerned((forms | dict(filed or {})).values()) | applied


def _unchanged(changed: Collection[str]) -> dict[str, None]:
    """Blanks for the amounts of an amended form that were not touched, for they were looked at when they were filed."""
    return {name: None for name in arithmetic().within_flow if name not in changed}


def _day_of(now: datetime) -> date:
    return now.astimezone(SHANGHAI).date()


def _check_title(title: str) -> None:
    if len(title) > MAX_TITLE:
        wrong = FieldError("title", f"最多 {MAX_TITLE} 字", f"{MAX_TITLE} characters at most")
        raise InvalidInput("标题太长", "The title is too long", [wrong])
