-- What the public may read (cases, villages), and beside it what waits or is only counted (sealed, alerts): rows that
-- exist for the system alone. Nothing reads anything in a transaction that was not opened for someone.
CREATE TABLE cases (
    case_id      text PRIMARY KEY,
    case_no      text NOT NULL,
    title        text,
    matter       text NOT NULL,
    flow         text NOT NULL,
    village_code text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    town_code    text NOT NULL CHECK (town_code ~ '^[0-9]{12}$'),
    state        text NOT NULL CHECK (state IN ('running', 'closed', 'withdrawn')),
    updated_at   timestamptz NOT NULL,
    steps        jsonb NOT NULL
);
CREATE INDEX cases_of_village ON cases (village_code, updated_at DESC, case_id DESC);
CREATE INDEX cases_by_number ON cases (case_no);

-- The whole page of a village as JSON, ready to send; `stale_at` is when the first of its notices ends.
CREATE TABLE villages (
    village_code text PRIMARY KEY CHECK (village_code ~ '^[0-9]{12}$'),
    running      int NOT NULL DEFAULT 0,
    closed       int NOT NULL DEFAULT 0,
    withdrawn    int NOT NULL DEFAULT 0,
    body         bytea NOT NULL,
    etag         text NOT NULL,
    stale_at     timestamptz
);

-- Offers and reserve prices before the award, by the sequence of their event; and whom the case's events named, to
-- strike these people out of whatever its other texts say.
CREATE TABLE sealed (
    case_id text PRIMARY KEY REFERENCES cases,
    fields  jsonb NOT NULL,
    people  jsonb NOT NULL
);

-- Only to count them. Which case an alert is about is not known here.
CREATE TABLE alerts (
    alert_id     uuid PRIMARY KEY,
    village_code text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    revision     int NOT NULL,
    counts       boolean NOT NULL
);
CREATE INDEX alerts_of_village ON alerts (village_code) WHERE counts;

CREATE FUNCTION is_system() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('yunjing.roles', true) = 'system', false)
$$;
CREATE FUNCTION regions_of_reader() RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_to_array(current_setting('yunjing.regions', true), ','), '{}')
$$;

ALTER TABLE cases ENABLE ROW LEVEL SECURITY;
ALTER TABLE cases FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON cases FOR SELECT USING (village_code LIKE ANY ((SELECT regions_of_reader())::text[]));
CREATE POLICY system ON cases USING ((SELECT is_system()));

ALTER TABLE villages ENABLE ROW LEVEL SECURITY;
ALTER TABLE villages FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON villages FOR SELECT USING (village_code LIKE ANY ((SELECT regions_of_reader())::text[]));
CREATE POLICY system ON villages USING ((SELECT is_system()));

ALTER TABLE sealed ENABLE ROW LEVEL SECURITY;
ALTER TABLE sealed FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON sealed USING ((SELECT is_system()));

ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON alerts USING ((SELECT is_system()));
