-- By when an alert must have left its state, or its judgement have been reviewed; what was decided on it (the model
-- `Judgement`); who has taken it; more time that was asked for, and how often this state was extended.
ALTER TABLE alerts RENAME COLUMN acknowledge_by TO due_by;
ALTER TABLE alerts ADD COLUMN judgement jsonb;
ALTER TABLE alerts ADD COLUMN assignee jsonb;
ALTER TABLE alerts ADD COLUMN extension jsonb;
ALTER TABLE alerts ADD COLUMN extended smallint NOT NULL DEFAULT 0 CHECK (extended >= 0);
ALTER TABLE alerts ADD CHECK ((judgement ->> 'outcome') IS NOT DISTINCT FROM outcome);
ALTER TABLE alerts ADD CHECK (NOT finished OR due_by IS NULL);
CREATE INDEX alerts_of_rule ON alerts (rule_id);

-- What a move told beside its note and outcome, and which wish it was: a repeated one has one effect.
ALTER TABLE history ADD COLUMN details jsonb NOT NULL DEFAULT '{}';
ALTER TABLE history ADD COLUMN request text;
-- Who has a desk: those who have read there. An alert can be handed over to them.
CREATE TABLE colleagues (
    desk       text NOT NULL,
    holders    text[] NOT NULL,
    subject    text NOT NULL,
    name       text NOT NULL,
    person_key text NOT NULL,
    seen_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (desk, subject)
);

-- A judgement brings an alert to the reviewer's desk: the judge writes that row.
ALTER TABLE inbox DROP CONSTRAINT inbox_why_check;
CREATE POLICY judge ON inbox FOR INSERT
    WITH CHECK (why = 'review' AND EXISTS (SELECT 1 FROM alerts a
                                           WHERE a.alert_id = inbox.alert_id AND a.holders && grants_of_caller()));
CREATE POLICY judge_again ON inbox FOR UPDATE
    USING (EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = inbox.alert_id AND a.holders && grants_of_caller()))
    WITH CHECK (why = 'review');

-- Papers of an alert. The content lies under the data directory, named by its digest; its address is the random id.
CREATE TABLE papers (
    paper_id   uuid PRIMARY KEY,
    alert_id   uuid NOT NULL REFERENCES alerts,
    sha256     text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size       bigint NOT NULL CHECK (size > 0),
    media_type text NOT NULL,
    name       text NOT NULL,
    by_subject text NOT NULL,
    by_name    text NOT NULL,
    filed_at   timestamptz NOT NULL,
    UNIQUE (alert_id, sha256)
);
-- Who took which paper when.
CREATE TABLE paper_readings (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    paper_id uuid NOT NULL REFERENCES papers,
    subject  text NOT NULL,
    name     text NOT NULL,
    read_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX readings_of_paper ON paper_readings (paper_id, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON papers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON paper_readings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE colleagues ENABLE ROW LEVEL SECURITY;
ALTER TABLE colleagues FORCE ROW LEVEL SECURITY;
CREATE POLICY holder ON colleagues FOR SELECT USING (holders && (SELECT grants_of_caller()));
CREATE POLICY own ON colleagues FOR INSERT
    WITH CHECK (holders && grants_of_caller() AND subject = current_setting('yunjing.subject', true));
CREATE POLICY own_again ON colleagues FOR UPDATE
    USING (holders && grants_of_caller() AND subject = current_setting('yunjing.subject', true));

ALTER TABLE papers ENABLE ROW LEVEL SECURITY;
ALTER TABLE papers FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON papers FOR SELECT
    USING (EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = papers.alert_id));
CREATE POLICY holder ON papers FOR INSERT
    WITH CHECK (by_subject = current_setting('yunjing.subject', true)
                AND EXISTS (SELECT 1 FROM alerts a
                            WHERE a.alert_id = papers.alert_id AND a.holders && grants_of_caller()));

ALTER TABLE paper_readings ENABLE ROW LEVEL SECURITY;
ALTER TABLE paper_readings FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON paper_readings FOR SELECT
    USING (EXISTS (SELECT 1 FROM papers p WHERE p.paper_id = paper_readings.paper_id));
CREATE POLICY own ON paper_readings FOR INSERT
    WITH CHECK (subject = current_setting('yunjing.subject', true)
                AND EXISTS (SELECT 1 FROM papers p WHERE p.paper_id = paper_readings.paper_id));
