"""For rule authors: look a rule file over, run its tests, see why a rule fired or not, try a file on the history.

python -m services.detector.author validate [FILE ...]     # format, types, cost, numbers; the whole rulebook by default
python -m services.detector.author test [FILE ...]         # and their own tests
python -m services.detector.author explain CASE|EVENT|KEY [--rule A061] [--all]    # from the running system's database
python -m services.detector.author backtest FILE [--region CODE]                   # what it would have raised
"""

import argparse
import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.detector import rules
from services.detector.backtest import humble, judge_all
from services.detector.backtesting import Sides, Tally
from services.detector.explaining import Explained, explain
from services.detector.judging import Judge
from services.detector.rules import RULEBOOK, Reader, Rulebook, RulebookError
from services.detector.subjects import View
from services.detector.trial import Candidate, try_out
from shared.db import Database, Scope
from shared.regions import COUNTY
from shared.settings import Settings

_KEYS = """
SELECT DISTINCT key FROM facts
WHERE key = $1 OR key = 'case:' || $1 OR event_id::text = $1
   OR (position($1 IN data) > 0 AND data::jsonb->>'case_no' = $1)
ORDER BY key
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 1 when something is to be mended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("validate", "test"):
        commands.add_parser(name).add_argument("files", nargs="*", type=Path)
    explaining = commands.add_parser("explain")
    explaining.add_argument("what", help="a case's number or id, an event's id, or a key such as company:9133...")
    explaining.add_argument("--rule", help="this rule alone")
    explaining.add_argument("--all", action="store_true", help="rules that were not asked, too")
    backtest = commands.add_parser("backtest")
    backtest.add_argument("file", type=Path)
    backtest.add_argument("--region", default=COUNTY)
    options = parser.parse_args(arguments)
    match options.command:
        case "explain":
            return asyncio.run(_explain(Settings(), options.what, options.rule, options.all))
        case "backtest":
            return asyncio.run(_backtest(Settings(), options.file, options.region))
        case _:
            return asyncio.run(_check(options.files or [RULEBOOK], tests=options.command == "test"))


async def _check(paths: Sequence[Path], *, tests: bool) -> int:
    files = [file for path in paths for file in (sorted(path.glob("*.yaml")) if path.is_dir() else [path])]
    texts = {file: file.read_text(encoding="utf-8") for file in files}
    told = await try_out([Candidate(text, str(file), custom=False, tests=tests) for file, text in texts.items()])
    errors = [
        f"{file}:{fault.line}:{fault.column}: {fault.zh} / {fault.en}"
        for file, faults in zip(files, told, strict=True)
        for fault in faults
    ]
    # What passed may be read here; the others have their faults told already.
    passed = [Reader(texts[file], file) for file, faults in zip(files, told, strict=True) if not faults]
    errors += [f"{error} / 编号或名称重复" for error in _taken(passed)]
    print(*errors, sep="\n", end="\n" if errors else "", file=sys.stderr)
    count = sum(len(reader.spec.tests) for reader in passed)
    print(f"{len(passed)} / {len(files)} 条规则通过 rules passed" + (f", {count} 个用例 tests" if tests else ""))
    return 1 if errors else 0


def _taken(readers: Sequence[Reader]) -> Iterator[RulebookError]:
    """Numbers and names that two files bear, or that the rulebook's own rules do."""
    known = {name: file for file in sorted(RULEBOOK.glob("*.yaml")) for name in _named(file)}
    seen = {name: file.resolve() for name, file in known.items()}
    for reader in readers:
        for field in ("id", "key"):
            name = getattr(reader.spec, field)
            if seen.setdefault(name, reader.file.resolve()) != reader.file.resolve():
                yield reader.wrong((field,), f"{name} is already taken by {seen[name].name}")


def _named(file: Path) -> tuple[str, ...]:
    """The number and the name of a rulebook's file, `A001_work_before_approval.yaml`."""
    id, _, key = file.stem.partition("_")
    return id, key


async def _explain(settings: Settings, what: str, rule_id: str | None, everything: bool) -> int:
    db = Database(settings, "detector")
    await db.open()
    try:
        judge = Judge(rules.load())
        async with db.begin(Scope.system(), readonly=True) as conn:
            keys = [row["key"] for row in await conn.fetch(_KEYS, what)]
            known = await judge.gather(conn, keys)
    finally:
        await db.close()
    if not keys:
        print(f"没有这个案件、事件或键 no such case, event or key: {what}", file=sys.stderr)
        return 1
    for key, keyed in known.keyed.items():
        print(f"\n== {key} ({len(keyed.facts)} 条事实 facts)")
        view = View.of(key, keyed.facts, known.reference(key), keyed.now)
        for rule in known.rulebook.for_key(key.partition(":")[0]):
            if rule_id in (None, rule.id):
                for explained in explain(known.rulebook, rule, view):
                    if everything or rule_id or not explained.not_asked:
                        print(*_lines(explained), sep="\n")
    return 0


def _lines(explained: Explained) -> Iterator[str]:
    rule = explained.rule
    place = " ".join((*explained.case_nos, explained.node or ""))
    title = f"{rule.spec.title.zh} / {rule.spec.title.en}"
    head = f"{rule.id} v{rule.spec.version} {title} · {place} · {explained.day:%Y-%m-%d}"
    if explained.not_asked:
        yield f"- {head}: 未问 not asked: {explained.not_asked}"
        return
    yield f"{'! ' + str(explained.grade) if explained.fired else '-'} {head}"
    yield from (f"    [{part.value}] {part.text}" for part in explained.parts)
    yield from (f"      {name} = {value}" for name, value in explained.values)


async def _backtest(settings: Settings, file: Path, region: str) -> int:
    if await _check([file], tests=True):
        return 1
    rule = rules.read(file)
    book = rules.load()
    old = [one for one in book.rules if one.id == rule.id]
    tally = Tally(Sides(Rulebook(old), Rulebook([rule])))
    humble()
    db = Database(settings.model_copy(update={"database_pool": 2}), "detector")
    await db.open()
    try:
        async for so_far in judge_all(db, region, tally):
            print(f"\r{so_far.judged} / {so_far.keys}", end="", file=sys.stderr)
        print(file=sys.stderr)
    finally:
        await db.close()
    differences = tally.differences()
    for one in differences:
        grades = f"{one.grade_before or '-'} -> {one.grade_after or '-'}"
        print(f"{one.kind:8} {grades:16} {one.village_code} {' '.join(one.case_nos)}: {one.explanation.zh}")
    kinds = [one.kind for one in differences]
    counts = ", ".join(f"{kind} {kinds.count(kind)}" for kind in ("more", "fewer", "regraded"))
    print(f"{len(tally.before)} -> {len(tally.after)} 条预警 alerts: {counts}; 故障 faults {tally.faults}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
