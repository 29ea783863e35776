-- How long what is public stays so: when the next field of a case fades, and what an official took back of it (days and
-- kinds of reasons, no more). `words` is what a case is found by: public, masked, folded, and only what stays as long as
-- the case does. A file of the open data is true until a moment: beyond it, nobody serves it.
ALTER TABLE cases ADD COLUMN fades_at timestamptz, ADD COLUMN taken jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN words text NOT NULL DEFAULT '';
CREATE INDEX cases_fading ON cases (fades_at) WHERE fades_at IS NOT NULL;
ALTER TABLE downloads ADD COLUMN true_until timestamptz;

-- What officials of the county take back before its term: one person is enough; to put it back takes two. No read model:
-- a rebuild obeys it. `what` is a field, or `case` for all of it. `note` is for officials alone.
CREATE TABLE takedowns (
    takedown_id uuid PRIMARY KEY,
    case_id      text NOT NULL,
    case_no      text NOT NULL,
    village_code text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    what         text NOT NULL,
    why          text NOT NULL,
    note         text NOT NULL,
    taken_by     text NOT NULL,
    taken_by_name text NOT NULL,
    taken_at     timestamptz NOT NULL DEFAULT now(),
    asked_by     text,
    asked_by_name text,
    asked_note   text,
    asked_at     timestamptz,
    restored_by  text CHECK (restored_by <> asked_by),
    restored_by_name text,
    restored_at  timestamptz
);
CREATE UNIQUE INDEX takedowns_standing ON takedowns (case_id, what) WHERE restored_at IS NULL;
CREATE INDEX takedowns_by_time ON takedowns (taken_at DESC, takedown_id DESC);

ALTER TABLE takedowns ENABLE ROW LEVEL SECURITY;
ALTER TABLE takedowns FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON takedowns USING ((SELECT current_setting('yunjing.roles', true) = 'system'));
CREATE POLICY taker ON takedowns USING (EXISTS (
    SELECT 1 FROM unnest(string_to_array(current_setting('yunjing.roles', true), ',')) AS held
    WHERE split_part(held, '@', 1) IN ('county_secretary', 'county_authority')
      AND split_part(held, '@', 2) = left(village_code, 6) || '000000'
)) WITH CHECK (EXISTS (
    SELECT 1 FROM unnest(string_to_array(current_setting('yunjing.roles', true), ',')) AS held
    WHERE split_part(held, '@', 1) IN ('county_secretary', 'county_authority')
      AND split_part(held, '@', 2) = left(village_code, 6) || '000000'
) AND current_setting('yunjing.subject', true) IN (taken_by, asked_by, restored_by));
REVOKE DELETE, TRUNCATE ON takedowns FROM CURRENT_USER;
