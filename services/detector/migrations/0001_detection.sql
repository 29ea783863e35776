-- What the detector knows: facts by key, the county's registers, what it found, and when to look again.

-- A fact never changes. `position` grows within a key in the order of commits, because a key's facts are
-- added under its lock: a process that holds a key's facts up to a position need only read what lies behind it.
CREATE TABLE facts (
    key          text NOT NULL,
    position     bigint GENERATED ALWAYS AS IDENTITY,
    event_id     uuid NOT NULL,
    kind         text NOT NULL,
    occurred_at  timestamptz NOT NULL,
    village_code text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    data         text NOT NULL,
    PRIMARY KEY (key, position)
);

CREATE TABLE reference_records (
    dataset     text NOT NULL,
    id          text NOT NULL,
    region_code text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    data        jsonb NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dataset, id)
);

-- By which values a record can be looked up.
CREATE TABLE reference_lookups (
    dataset text NOT NULL,
    lookup  text NOT NULL,
    value   text NOT NULL,
    id      text NOT NULL,
    PRIMARY KEY (dataset, lookup, value, id),
    FOREIGN KEY (dataset, id) REFERENCES reference_records ON DELETE CASCADE
);
CREATE INDEX reference_lookups_of_record ON reference_lookups (dataset, id);

-- Which lookups a key's judgement rested on, found or not: a later change there judges the key again.
CREATE TABLE key_references (
    dataset text NOT NULL,
    lookup  text NOT NULL,
    value   text NOT NULL,
    key     text NOT NULL,
    PRIMARY KEY (dataset, lookup, value, key)
);

CREATE TABLE findings (
    alert_id     uuid PRIMARY KEY,
    key          text NOT NULL,
    rule_id      text NOT NULL,
    revision     int NOT NULL CHECK (revision >= 1),
    grade        text NOT NULL,
    state        text NOT NULL CHECK (state IN ('open', 'withdrawn')),
    village_code text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    town_code    text NOT NULL CHECK (town_code ~ '^[0-9]{12}$'),
    body_hash    text NOT NULL,
    body         jsonb NOT NULL,
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX findings_of_key ON findings (key);

-- The next moment at which a key must be judged though nothing happens, and until when the clock has judged it.
CREATE TABLE deadlines (
    key          text PRIMARY KEY,
    due_at       timestamptz,
    judged_until timestamptz
);
CREATE INDEX deadlines_due ON deadlines (due_at) WHERE due_at IS NOT NULL;

-- Rules that could not be evaluated on a key when it was last judged: what an operator must mend.
CREATE TABLE rule_faults (
    key      text NOT NULL,
    rule_id  text NOT NULL,
    message  text NOT NULL,
    times    int NOT NULL DEFAULT 1,
    first_at timestamptz NOT NULL DEFAULT now(),
    last_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (key, rule_id)
);

ALTER TABLE reference_records ENABLE ROW LEVEL SECURITY;
ALTER TABLE reference_records FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON reference_records
    USING (region_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE facts ENABLE ROW LEVEL SECURITY;
ALTER TABLE facts FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON facts
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE findings ENABLE ROW LEVEL SECURITY;
ALTER TABLE findings FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON findings
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));

-- Changes with every change of a register, so that a process knows whether the records it holds are still true.
CREATE TABLE registers_version (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    version  uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO registers_version DEFAULT VALUES;
