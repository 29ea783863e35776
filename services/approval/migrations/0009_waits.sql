-- Where a case waits, when that is more than one node or some have voted there already: by node its term, for which roles
-- it waits, and the keys of those who voted. NULL is the usual case: `node`, `due_at` and `waits_for` say it all.
ALTER TABLE cases ADD COLUMN waits jsonb;

-- Each node where an open case waits. Where several wait, `cases.node` is the first of them, `cases.due_at` the earliest
-- of their terms, and `cases.waits_for` all their roles.
CREATE VIEW case_waits WITH (security_invoker = true) AS
SELECT c.case_id, c.sequence, c.village_code, c.town_code, c.matter, c.flow, c.case_no, c.title, c.opened_at, c.state,
       at.node, at.due_at, at.waits_for, at.voted,
       coalesce(c.due_at, timestamptz '9999-01-01 00:00+00') AS soonest
FROM cases c CROSS JOIN LATERAL (
    SELECT c.node, c.due_at, c.waits_for, '{}'::text[] AS voted WHERE c.waits IS NULL
    UNION ALL
    SELECT each.key, told.due_at, told.waits_for, told.voted
    FROM jsonb_each(c.waits) AS each,
         jsonb_to_record(each.value) AS told (due_at timestamptz, waits_for text[], voted text[])
) AS at
WHERE c.status = 'open';
