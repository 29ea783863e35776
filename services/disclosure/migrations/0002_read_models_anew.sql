-- The read models anew, filled from the log: nothing of the old ones is carried over, and the consumer begins again.
-- A card beside each case's history, so that lists read no history; what is withheld and whom to strike out under one
-- name; of alerts the marks of each revision, so that a year that is over stays as it was.
DROP TABLE sealed, cases, villages, alerts;
DELETE FROM consumer_offsets WHERE consumer = 'disclosure';
DELETE FROM seen_events WHERE consumer = 'disclosure';

-- `public_until`: for good when empty; the past when the case is hidden; see `hidden_unless_sound` in masking.yaml.
CREATE TABLE cases (
    case_id      text PRIMARY KEY,
    case_no      text NOT NULL,
    title        text,
    matter       text NOT NULL,
    flow         text NOT NULL,
    flow_version int NOT NULL,
    village_code text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    town_code    text NOT NULL CHECK (town_code ~ '^[0-9]{12}$'),
    state        text NOT NULL CHECK (state IN ('running', 'closed', 'withdrawn')),
    updated_at   timestamptz NOT NULL,
    notice_until timestamptz,
    public_until timestamptz,
    card         jsonb NOT NULL,
    history      jsonb NOT NULL
);
CREATE INDEX cases_of_village ON cases (village_code, updated_at DESC, case_id DESC);
CREATE INDEX cases_by_number ON cases (case_no);

-- The page of a village: all that it is made of, and the bytes of what it shows, gzipped. `stale_at` is when the first
-- thing on it is no longer public.
CREATE TABLE villages (
    village_code text PRIMARY KEY CHECK (village_code ~ '^[0-9]{12}$'),
    running      int NOT NULL DEFAULT 0,
    closed       int NOT NULL DEFAULT 0,
    withdrawn    int NOT NULL DEFAULT 0,
    whole        jsonb NOT NULL,
    body         bytea NOT NULL,
    stale_at     timestamptz
);

-- What is not yet public, by the sequence of its event; and whom the case's events named, to strike these people out
-- of whatever its other texts say: empty where nothing is public that people write, null once nothing more can come.
CREATE TABLE withheld (
    case_id text PRIMARY KEY REFERENCES cases,
    fields  jsonb NOT NULL,
    people  jsonb
);

-- Only to count them: what each revision of an alert says, and in which year it was told. Which case an alert is about
-- is not known here.
CREATE TABLE alert_marks (
    alert_id     uuid NOT NULL,
    revision     int NOT NULL,
    village_code text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    year         int NOT NULL,
    counts       boolean NOT NULL,
    PRIMARY KEY (alert_id, revision)
);
CREATE INDEX alert_marks_of_village ON alert_marks (village_code, year);

ALTER TABLE cases ENABLE ROW LEVEL SECURITY;
ALTER TABLE cases FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON cases FOR SELECT USING (
    village_code LIKE ANY ((SELECT regions_of_reader())::text[]) AND (public_until IS NULL OR public_until > now())
);
CREATE POLICY system ON cases USING ((SELECT is_system()));

ALTER TABLE villages ENABLE ROW LEVEL SECURITY;
ALTER TABLE villages FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON villages FOR SELECT USING (village_code LIKE ANY ((SELECT regions_of_reader())::text[]));
CREATE POLICY system ON villages USING ((SELECT is_system()));

ALTER TABLE withheld ENABLE ROW LEVEL SECURITY;
ALTER TABLE withheld FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON withheld USING ((SELECT is_system()));

ALTER TABLE alert_marks ENABLE ROW LEVEL SECURITY;
ALTER TABLE alert_marks FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON alert_marks USING ((SELECT is_system()));
