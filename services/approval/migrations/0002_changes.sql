-- What lists of cases are narrowed by, and the changes of all cases in one line that other systems can follow.
ALTER TABLE cases ADD COLUMN closed_at timestamptz, ADD COLUMN amount_fen bigint,
                  ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();
SELECT set_config('yunjing.regions', '%', true);
UPDATE cases SET closed_at = updated_at WHERE status <> 'open';
CREATE INDEX cases_by_change ON cases (changed_at);

-- Changes that have committed and have no place in the line yet. A trigger fills it, so no writer can forget to.
CREATE TABLE unplaced_changes (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id      uuid NOT NULL,
    sequence     int NOT NULL,
    village_code text NOT NULL
);
-- The line. One process at a time puts changes into it, so whoever has read up to a position has missed nothing before
-- it: a number that is taken early and commits late can't appear behind a reader.
CREATE TABLE case_changes (
    position     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases,
    sequence     int NOT NULL,
    village_code text NOT NULL,
    UNIQUE (case_id, sequence)
);
CREATE INDEX case_changes_of_village ON case_changes (village_code text_pattern_ops, position);

CREATE FUNCTION note_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO unplaced_changes (case_id, sequence, village_code)
    SELECT case_id, sequence, village_code FROM fresh;
    RETURN NULL;
END $$;
CREATE TRIGGER changes_noted AFTER INSERT ON case_events REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION note_changes();
INSERT INTO unplaced_changes (case_id, sequence, village_code)
SELECT case_id, sequence, village_code FROM case_events ORDER BY recorded_at, case_id, sequence;

ALTER TABLE unplaced_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE unplaced_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY noted ON unplaced_changes FOR INSERT WITH CHECK (true);
CREATE POLICY placement ON unplaced_changes USING (current_setting('yunjing.roles', true) = 'system');
ALTER TABLE case_changes ENABLE ROW LEVEL SECURITY;
ALTER TABLE case_changes FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON case_changes
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
