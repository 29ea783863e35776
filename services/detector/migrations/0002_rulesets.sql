-- What a county sets of the rules: changes in force as they came over the bus, drafts with their history, back-tests.

-- Facts come about in the order of their time, so this index costs nearly nothing.
CREATE INDEX facts_by_time ON facts USING brin (occurred_at);

CREATE TABLE rule_changes (
    change_id   uuid PRIMARY KEY,
    rule_id     text NOT NULL,
    number      int NOT NULL CHECK (number >= 1),
    region_code text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    body        jsonb NOT NULL,
    taken_at    timestamptz NOT NULL DEFAULT now()
);

-- A change that one person drafts and another approves or rejects. `number` is given when it is approved.
CREATE TABLE rule_drafts (
    id              uuid PRIMARY KEY,
    rule_id         text NOT NULL,
    number          int CHECK (number >= 1),
    region_code     text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    state           text NOT NULL CHECK (state IN ('drafted', 'approved', 'rejected')),
    params          jsonb NOT NULL,
    grade           text,
    enabled         boolean,
    definition      text,
    effective_from  timestamptz,
    effective_until timestamptz,
    reason          text NOT NULL,
    subject         text NOT NULL,
    person_key      text NOT NULL,
    name            text NOT NULL,
    drafted_at      timestamptz NOT NULL,
    UNIQUE (rule_id, number)
);
CREATE INDEX rule_drafts_by_age ON rule_drafts (drafted_at DESC, id DESC);
CREATE UNIQUE INDEX rule_drafts_own_rules ON rule_drafts (rule_id) WHERE definition IS NOT NULL AND state <> 'rejected';

-- Who did what with a draft, when and why. Nothing here is ever changed or deleted.
CREATE TABLE rule_acts (
    position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    draft_id    uuid NOT NULL REFERENCES rule_drafts,
    rule_id     text NOT NULL,
    region_code text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    act         text NOT NULL,
    subject     text NOT NULL,
    person_key  text NOT NULL,
    name        text NOT NULL,
    reason      text NOT NULL,
    at          timestamptz NOT NULL
);
CREATE INDEX rule_acts_of_draft ON rule_acts (draft_id, position);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the history of % is never changed', TG_TABLE_NAME; END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON rule_acts
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON rule_acts
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A draft tried on the whole history. `judged` of `keys` tells how far; a run that no longer stirs has died.
CREATE TABLE backtests (
    id          uuid PRIMARY KEY,
    draft_id    uuid NOT NULL REFERENCES rule_drafts,
    region_code text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    state       text NOT NULL CHECK (state IN ('running', 'done', 'failed', 'cancelled')),
    keys        int NOT NULL DEFAULT 0,
    judged      int NOT NULL DEFAULT 0,
    before      int NOT NULL DEFAULT 0,
    after       int NOT NULL DEFAULT 0,
    more        int NOT NULL DEFAULT 0,
    fewer       int NOT NULL DEFAULT 0,
    regraded    int NOT NULL DEFAULT 0,
    faults      int NOT NULL DEFAULT 0,
    message     text NOT NULL DEFAULT '',
    started_at  timestamptz NOT NULL DEFAULT now(),
    stirred_at  timestamptz NOT NULL DEFAULT now(),
    ended_at    timestamptz
);
CREATE INDEX backtests_of_draft ON backtests (draft_id, started_at DESC);

CREATE TABLE backtest_differences (
    backtest_id  uuid NOT NULL REFERENCES backtests ON DELETE CASCADE,
    position     int NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('more', 'fewer', 'regraded')),
    alert_id     uuid NOT NULL,
    grade_before text,
    grade_after  text,
    village_code text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    case_nos     text[] NOT NULL,
    explanation  jsonb NOT NULL,
    PRIMARY KEY (backtest_id, position)
);

ALTER TABLE rule_drafts ENABLE ROW LEVEL SECURITY;
ALTER TABLE rule_drafts FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON rule_drafts
    USING (region_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE rule_acts ENABLE ROW LEVEL SECURITY;
ALTER TABLE rule_acts FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON rule_acts
    USING (region_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE backtests ENABLE ROW LEVEL SECURITY;
ALTER TABLE backtests FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON backtests
    USING (region_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE backtest_differences ENABLE ROW LEVEL SECURITY;
ALTER TABLE backtest_differences FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON backtest_differences
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
