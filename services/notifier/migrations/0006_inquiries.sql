-- Inquiries that merge alerts, and supervision proposals: each with its record, and the numbers they are known by.
CREATE TABLE folder_numbers (
    kind        text NOT NULL CHECK (kind IN ('inquiry', 'proposal')),
    region_code text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    year        int NOT NULL,
    latest      int NOT NULL,
    PRIMARY KEY (kind, region_code, year)
);

-- What a person asked for under an Idempotency-Key, and which folder it made or changed.
CREATE TABLE folder_requests (
    subject   text NOT NULL,
    key       text NOT NULL,
    request   text NOT NULL,
    folder_id uuid,
    asked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, key)
);

-- An inquiry lies on those desks on which each of its alerts lies. `overseers` get it beside them when no desk has all
-- of its alerts any more. `barred` are all whom its alerts, also those taken out, are or were about, and their kin.
CREATE TABLE inquiries (
    inquiry_id   uuid PRIMARY KEY,
    number       text NOT NULL,
    county_code  text NOT NULL CHECK (county_code ~ '^[0-9]{12}$'),
    title        text NOT NULL,
    state        text NOT NULL,
    finished     boolean NOT NULL,
    alert_ids    uuid[] NOT NULL CHECK (cardinality(alert_ids) > 0),
    lead         text NOT NULL,
    helpers      text[] NOT NULL,
    plan         text NOT NULL,
    term         int NOT NULL,
    due_by       timestamptz,
    told_overdue boolean NOT NULL,
    outcome      text,
    conclusion   text NOT NULL,
    receiver     text NOT NULL,
    barred       text[] NOT NULL,
    overseers    text[] NOT NULL,
    opened_by    text NOT NULL,
    opened_at    timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    looked_at    timestamptz NOT NULL,
    UNIQUE (county_code, number)
);
CREATE INDEX inquiries_due ON inquiries (due_by) WHERE NOT finished AND NOT told_overdue;
CREATE INDEX inquiries_going_on ON inquiries (looked_at) WHERE NOT finished;

-- An alert is in one inquiry that goes on at most (`binding`).
CREATE TABLE inquiry_alerts (
    inquiry_id uuid NOT NULL REFERENCES inquiries,
    alert_id   uuid NOT NULL REFERENCES alerts,
    added_at   timestamptz NOT NULL,
    removed_at timestamptz,
    reason     text NOT NULL DEFAULT '',
    binding    boolean NOT NULL DEFAULT true,
    PRIMARY KEY (inquiry_id, alert_id)
);
CREATE UNIQUE INDEX inquiry_of_alert ON inquiry_alerts (alert_id) WHERE binding;
CREATE INDEX inquiries_of_alert ON inquiry_alerts (alert_id);

CREATE TABLE inquiry_history (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    inquiry_id uuid NOT NULL REFERENCES inquiries,
    at         timestamptz NOT NULL,
    kind       text NOT NULL,
    state_from text NOT NULL,
    state_to   text NOT NULL,
    by_subject text NOT NULL,
    by_name    text NOT NULL,
    by_role    text NOT NULL,
    note       text NOT NULL,
    outcome    text,
    alert_id   uuid
);
CREATE INDEX history_of_inquiry ON inquiry_history (inquiry_id, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON inquiry_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A proposal lies on the desk at which it was written and on the one above. `body` is all that it says.
CREATE TABLE proposals (
    proposal_id uuid PRIMARY KEY,
    number       text,
    state        text NOT NULL,
    finished     boolean NOT NULL,
    issued_by    text NOT NULL CHECK (issued_by ~ '^[0-9]{12}$'),
    region_code  text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    rule_id      text NOT NULL,
    alert_ids    uuid[] NOT NULL CHECK (cardinality(alert_ids) > 0),
    inquiry_id   uuid REFERENCES inquiries,
    desks        text[] NOT NULL,
    holders      text[] NOT NULL,
    readers      text[] NOT NULL,
    barred       text[] NOT NULL,
    due_by       timestamptz,
    told_overdue boolean NOT NULL,
    written_by   text NOT NULL,
    written_at   timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    body         jsonb NOT NULL,
    UNIQUE (issued_by, number)
);
CREATE INDEX proposals_by_reader ON proposals USING gin (readers) WITH (fastupdate = off);
CREATE INDEX proposals_of_inquiry ON proposals (inquiry_id) WHERE inquiry_id IS NOT NULL;
CREATE INDEX proposals_due ON proposals (due_by) WHERE NOT finished AND NOT told_overdue;

CREATE TABLE proposal_history (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    proposal_id uuid NOT NULL REFERENCES proposals,
    at         timestamptz NOT NULL,
    kind       text NOT NULL,
    state_from text NOT NULL,
    state_to   text NOT NULL,
    by_subject text NOT NULL,
    by_name    text NOT NULL,
    by_role    text NOT NULL,
    note       text NOT NULL
);
CREATE INDEX history_of_proposal ON proposal_history (proposal_id, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON proposal_history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The roles that inquire or audit (inquiries.yaml): a clerk who may read an alert doesn't read what is written about it.
CREATE FUNCTION grants_to_inquire() RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(held), '{}') FROM unnest(grants_of_caller()) AS held
    WHERE split_part(held, '@', 1) = ANY ('{town_inspector,town_secretary,county_secretary,auditor,system}')
$$;
CREATE FUNCTION is_barred(barred text[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('yunjing.person', true), '') = ANY (barred)
$$;
-- Alerts of other desks, and those that the caller is barred from, don't exist in these queries (policies of `alerts`).
CREATE FUNCTION reads_all_alerts(alert_ids uuid[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (
        SELECT 1 FROM unnest(alert_ids) AS one
        WHERE NOT EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = one AND a.readers && grants_to_inquire()))
$$;
CREATE FUNCTION holds_all_alerts(alert_ids uuid[]) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (
        SELECT 1 FROM unnest(alert_ids) AS one
        WHERE NOT EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = one AND a.holders && grants_to_inquire()))
$$;

ALTER TABLE folder_numbers ENABLE ROW LEVEL SECURITY;
ALTER TABLE folder_numbers FORCE ROW LEVEL SECURITY;
CREATE POLICY official ON folder_numbers
    USING (EXISTS (SELECT 1 FROM unnest(grants_to_inquire()) AS held
                   WHERE left(split_part(held, '@', 2), 6) = left(region_code, 6)));

ALTER TABLE folder_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE folder_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON folder_requests USING (subject = nullif(current_setting('yunjing.subject', true), ''));

ALTER TABLE inquiries ENABLE ROW LEVEL SECURITY;
ALTER TABLE inquiries FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON inquiries FOR SELECT
    USING (NOT is_barred(barred) AND (overseers && (SELECT grants_of_caller()) OR reads_all_alerts(alert_ids)));
CREATE POLICY opener ON inquiries FOR INSERT
    WITH CHECK (NOT is_barred(barred) AND holds_all_alerts(alert_ids)
                AND opened_by = current_setting('yunjing.subject', true));
CREATE POLICY holder ON inquiries FOR UPDATE
    USING (NOT is_barred(barred) AND (overseers && (SELECT grants_of_caller()) OR holds_all_alerts(alert_ids)));

ALTER TABLE inquiry_alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE inquiry_alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON inquiry_alerts FOR SELECT
    USING (EXISTS (SELECT 1 FROM inquiries i WHERE i.inquiry_id = inquiry_alerts.inquiry_id));
CREATE POLICY holder ON inquiry_alerts FOR INSERT
    WITH CHECK (EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = inquiry_alerts.alert_id
                                                 AND a.holders && grants_to_inquire()));
CREATE POLICY changer ON inquiry_alerts FOR UPDATE
    USING (EXISTS (SELECT 1 FROM inquiries i WHERE i.inquiry_id = inquiry_alerts.inquiry_id));

ALTER TABLE inquiry_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE inquiry_history FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON inquiry_history FOR SELECT
    USING (EXISTS (SELECT 1 FROM inquiries i WHERE i.inquiry_id = inquiry_history.inquiry_id));
CREATE POLICY writer ON inquiry_history FOR INSERT
    WITH CHECK (EXISTS (SELECT 1 FROM inquiries i WHERE i.inquiry_id = inquiry_history.inquiry_id)
                AND by_subject = current_setting('yunjing.subject', true));

ALTER TABLE proposals ENABLE ROW LEVEL SECURITY;
ALTER TABLE proposals FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON proposals FOR SELECT
    USING (readers && (SELECT grants_of_caller()) AND NOT is_barred(barred));
CREATE POLICY writer ON proposals FOR INSERT
    WITH CHECK (holders && (SELECT grants_of_caller()) AND NOT is_barred(barred)
                AND written_by = current_setting('yunjing.subject', true));
CREATE POLICY holder ON proposals FOR UPDATE
    USING (holders && (SELECT grants_of_caller()) AND NOT is_barred(barred));

ALTER TABLE proposal_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE proposal_history FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON proposal_history FOR SELECT
    USING (EXISTS (SELECT 1 FROM proposals r WHERE r.proposal_id = proposal_history.proposal_id));
CREATE POLICY writer ON proposal_history FOR INSERT
    WITH CHECK (EXISTS (SELECT 1 FROM proposals r
                        WHERE r.proposal_id = proposal_history.proposal_id)
                AND by_subject = current_setting('yunjing.subject', true));
