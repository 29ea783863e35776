-- How loud each change is for people, and why it is not louder. What lies in the inbox is the same whatever stands here.
ALTER TABLE stream_events ADD COLUMN loudness text NOT NULL DEFAULT 'ring'
    CHECK (loudness IN ('ring', 'digest', 'quiet'));
ALTER TABLE stream_events ADD COLUMN muted_by jsonb;

-- What people have heard of each alert: as last judged, at `told_at`; when it rang last, at which grade, on which desks.
-- Written only by who holds the alert's row and the stream's lock, so `turn` grows in the order of the commits.
-- `cause`: the silence or the standing red alert that keeps it quiet until it is over.
CREATE SEQUENCE heard_turn;
CREATE TABLE heard (
    alert_id   uuid PRIMARY KEY REFERENCES alerts,
    turn       bigint NOT NULL DEFAULT nextval('heard_turn'),
    told_at    timestamptz NOT NULL,
    loudness   text NOT NULL CHECK (loudness IN ('ring', 'digest', 'quiet')),
    muted_by   jsonb,
    cause_kind text CHECK (cause_kind IN ('silence', 'red')),
    cause_id   uuid,
    rang_at    timestamptz,
    rang_grade text,
    rang_desks text[] NOT NULL DEFAULT '{}',
    CHECK ((cause_kind IS NULL) = (cause_id IS NULL)),
    CHECK ((loudness = 'ring') = (muted_by IS NULL))
);
CREATE INDEX heard_for_digests ON heard (turn) WHERE loudness = 'digest';
CREATE INDEX heard_with_cause ON heard (alert_id) WHERE cause_id IS NOT NULL;

-- The groups of an alert: `case:`, `party:`, and `facts:`, which alerts share that say the same of one case. One key a
-- row, for equality of texts is what row-level security lets an index answer.
CREATE TABLE alert_groups (
    key      text NOT NULL,
    alert_id uuid NOT NULL REFERENCES alerts,
    PRIMARY KEY (key, alert_id)
);
CREATE INDEX groups_of_alert ON alert_groups (alert_id);

CREATE TABLE silences (
    silence_id    uuid PRIMARY KEY,
    region_code   text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    grades        text[] NOT NULL CHECK (grades <> '{}' AND grades <@ '{red,yellow,prompt}'),
    rule_id       text,
    matter        text,
    case_no       text,
    party         text,
    reason        text NOT NULL CHECK (reason <> ''),
    ends_at       timestamptz NOT NULL,
    state         text NOT NULL CHECK (state IN ('proposed', 'approved', 'ended')),
    proposed_by   text NOT NULL,
    proposed_name text NOT NULL,
    proposed_at   timestamptz NOT NULL,
    people        text[] NOT NULL,
    approved_name text NOT NULL DEFAULT '',
    approved_role text NOT NULL DEFAULT '',
    readers       text[] NOT NULL,
    request_key   text,
    CHECK (coalesce(rule_id, matter, case_no, party) IS NOT NULL),
    CHECK (ends_at > proposed_at)
);
CREATE UNIQUE INDEX silences_by_request ON silences (proposed_by, request_key) WHERE request_key IS NOT NULL;
CREATE INDEX silences_by_reader ON silences USING gin (readers) WITH (fastupdate = off);
CREATE INDEX silences_in_force ON silences (ends_at) WHERE state = 'approved';

CREATE TABLE silence_history (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    silence_id uuid NOT NULL REFERENCES silences,
    at         timestamptz NOT NULL,
    act        text NOT NULL CHECK (act IN ('proposed', 'approved', 'ended')),
    by_subject text NOT NULL,
    by_name    text NOT NULL,
    note       text NOT NULL DEFAULT ''
);
CREATE INDEX history_of_silence ON silence_history (silence_id, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON silence_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- What a silence covers never changes, nor does one that has ended come back.
CREATE FUNCTION keep_silence() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.state = 'ended' OR NEW.state = 'proposed'
       OR OLD.state = 'approved' AND NEW.state <> 'ended'
       OR (NEW.silence_id, NEW.region_code, NEW.grades, NEW.rule_id, NEW.matter, NEW.case_no, NEW.party, NEW.reason,
           NEW.ends_at, NEW.proposed_by, NEW.proposed_at, NEW.readers) IS DISTINCT FROM
          (OLD.silence_id, OLD.region_code, OLD.grades, OLD.rule_id, OLD.matter, OLD.case_no, OLD.party, OLD.reason,
           OLD.ends_at, OLD.proposed_by, OLD.proposed_at, OLD.readers) THEN
        RAISE EXCEPTION 'silences are kept as they were' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON silences FOR EACH ROW EXECUTE FUNCTION keep_silence();

ALTER TABLE heard ENABLE ROW LEVEL SECURITY;
ALTER TABLE heard FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON heard FOR SELECT
    USING ((SELECT is_system()) OR EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = heard.alert_id));
CREATE POLICY holder ON heard FOR UPDATE
    USING (EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = heard.alert_id AND a.holders && grants_of_caller()));
CREATE POLICY new ON heard FOR INSERT
    WITH CHECK (EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = heard.alert_id AND a.holders && grants_of_caller()));

ALTER TABLE alert_groups ENABLE ROW LEVEL SECURITY;
ALTER TABLE alert_groups FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON alert_groups FOR SELECT
    USING ((SELECT is_system()) OR EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = alert_groups.alert_id));
CREATE POLICY system ON alert_groups USING ((SELECT is_system()));

ALTER TABLE silences ENABLE ROW LEVEL SECURITY;
ALTER TABLE silences FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON silences FOR SELECT USING (readers && (SELECT grants_of_caller()));
CREATE POLICY proposer ON silences FOR INSERT
    WITH CHECK (readers && grants_of_caller() AND proposed_by = current_setting('yunjing.subject', true));
CREATE POLICY decider ON silences FOR UPDATE USING (readers && (SELECT grants_of_caller()));

ALTER TABLE silence_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE silence_history FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON silence_history FOR SELECT
    USING (EXISTS (SELECT 1 FROM silences s WHERE s.silence_id = silence_history.silence_id));
CREATE POLICY actor ON silence_history FOR INSERT
    WITH CHECK (by_subject = current_setting('yunjing.subject', true)
                AND EXISTS (SELECT 1 FROM silences s WHERE s.silence_id = silence_history.silence_id));

-- How far each subscription has been told by digests, in each rhythm.
CREATE TABLE digest_marks (
    subscription_id uuid NOT NULL,
    rhythm          text NOT NULL,
    period          timestamptz NOT NULL,
    turn            bigint NOT NULL,
    PRIMARY KEY (subscription_id, rhythm)
);
ALTER TABLE digest_marks ENABLE ROW LEVEL SECURITY;
ALTER TABLE digest_marks FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON digest_marks USING ((SELECT is_system()));
