-- Alerts as they lie on desks, what happened to each, the stream that open pages follow, and webhooks.
-- A desk is `role@region`. `holders` are the grants under which an alert lies on someone's desk: the desk's own, and the
-- same role granted for the region's town or county. `readers` adds the auditors of the place, who may only read. Both
-- name the system too: so each policy is one condition that an index answers.
CREATE TABLE alerts (
    alert_id         uuid PRIMARY KEY,
    revision         int NOT NULL CHECK (revision >= 1),
    rule_id          text NOT NULL,
    grade            text NOT NULL CHECK (grade IN ('red', 'yellow', 'prompt')),
    rank             smallint NOT NULL GENERATED ALWAYS AS
                     (CASE grade WHEN 'red' THEN 0 WHEN 'yellow' THEN 1 ELSE 2 END) STORED,
    matter           text NOT NULL,
    village_code     text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    town_code        text NOT NULL CHECK (town_code ~ '^[0-9]{12}$'),
    state            text NOT NULL,
    desks            text[] NOT NULL,
    holders          text[] NOT NULL,
    readers          text[] NOT NULL,
    escalated        boolean NOT NULL DEFAULT false,
    acknowledge_by          timestamptz,
    withdrawn_reason jsonb,
    outcome          text,
    finished         boolean NOT NULL,
    raised_at        timestamptz NOT NULL,
    updated_at       timestamptz NOT NULL,
    body             jsonb NOT NULL
);
-- Without pending lists, which every read would have to walk. There is no index in the order of the pages: for the few
-- alerts of a town the planner would walk all of a county's in that order.
CREATE INDEX alerts_by_reader ON alerts USING gin (readers) WITH (fastupdate = off);
CREATE INDEX alerts_open_by_reader ON alerts USING gin (readers) WITH (fastupdate = off) WHERE NOT finished;
CREATE INDEX alerts_unacknowledged ON alerts (acknowledge_by) WHERE state = 'pushed' AND NOT escalated;

-- Withdrawals that came before their alerts.
CREATE TABLE early_withdrawals (
    alert_id uuid PRIMARY KEY,
    revision int NOT NULL,
    reason   jsonb NOT NULL,
    came_at  timestamptz NOT NULL DEFAULT now()
);

-- Which desk an alert reached, when and why; a desk that must no longer see it keeps its row with `removed_at`.
CREATE TABLE inbox (
    alert_id   uuid NOT NULL REFERENCES alerts,
    desk       text NOT NULL,
    why        text NOT NULL CHECK (why IN ('routed', 'escalated')),
    added_at   timestamptz NOT NULL,
    removed_at timestamptz,
    PRIMARY KEY (alert_id, desk)
);

-- Who opened an alert first when, at which desk or as which auditor: the link between delivery and action.
CREATE TABLE readings (
    alert_id uuid NOT NULL REFERENCES alerts,
    seat     text NOT NULL,
    subject  text NOT NULL,
    name     text NOT NULL,
    read_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (alert_id, seat, subject)
);

CREATE TABLE history (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id    uuid NOT NULL REFERENCES alerts,
    at          timestamptz NOT NULL,
    kind        text NOT NULL,
    revision    int NOT NULL,
    state_from  text NOT NULL,
    state_to    text NOT NULL,
    by_subject  text NOT NULL,
    by_name     text NOT NULL,
    by_role     text NOT NULL,
    note        text NOT NULL DEFAULT '',
    outcome     text,
    reason      jsonb,
    request_key text
);
CREATE INDEX history_of_alert ON history (alert_id, id);
CREATE UNIQUE INDEX history_by_request ON history (by_subject, request_key) WHERE request_key IS NOT NULL;

-- Positions are taken under one advisory lock held to the commit, so they appear in their order, without late-comers.
CREATE TABLE stream_events (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    alert_id uuid NOT NULL REFERENCES alerts,
    kind     text NOT NULL,
    readers  text[] NOT NULL,
    at       timestamptz NOT NULL,
    body     jsonb NOT NULL
);
CREATE INDEX stream_events_by_age ON stream_events (at);
-- Where the stream ends: its last committed position, and the last that has been pruned. Mere numbers: all may read them.
CREATE TABLE stream_ends (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    latest   bigint NOT NULL DEFAULT 0,
    pruned   bigint NOT NULL DEFAULT 0
);
INSERT INTO stream_ends DEFAULT VALUES;

-- A subscription lives as long as its owner renews it. `leased_until`: one delivery at a time. `paused_until`: the
-- circuit is open after repeated failures.
CREATE TABLE webhooks (
    webhook_id   uuid PRIMARY KEY,
    owner        text NOT NULL,
    url          text NOT NULL,
    desks        text[] NOT NULL,
    grades       text[] NOT NULL,
    secret       text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    since        bigint NOT NULL,
    failures     int NOT NULL DEFAULT 0,
    paused_until timestamptz,
    leased_until timestamptz
);
CREATE INDEX webhooks_of_owner ON webhooks (owner, created_at);

CREATE TABLE deliveries (
    webhook_id   uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    position     bigint NOT NULL REFERENCES stream_events ON DELETE CASCADE,
    alert_id     uuid NOT NULL,
    kind         text NOT NULL,
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up')),
    attempts     int NOT NULL DEFAULT 0,
    next_at      timestamptz NOT NULL DEFAULT now(),
    attempted_at timestamptz,
    status       int,
    error        text,
    PRIMARY KEY (webhook_id, position)
);
CREATE INDEX deliveries_of_event ON deliveries (position);
CREATE INDEX deliveries_waiting ON deliveries (webhook_id, position) WHERE state = 'waiting';

-- How far the stream has been turned into deliveries.
CREATE TABLE delivery_progress (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    position bigint NOT NULL
);
INSERT INTO delivery_progress (position) VALUES (0);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON history
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION grants_of_caller() RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(string_to_array(current_setting('yunjing.roles', true), ','), '{}')
$$;
CREATE FUNCTION is_system() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('yunjing.roles', true) = 'system', false)
$$;

ALTER TABLE alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON alerts FOR SELECT USING (readers && (SELECT grants_of_caller()));
CREATE POLICY holder ON alerts FOR UPDATE USING (holders && (SELECT grants_of_caller()));
CREATE POLICY system ON alerts FOR INSERT WITH CHECK ((SELECT is_system()));

ALTER TABLE early_withdrawals ENABLE ROW LEVEL SECURITY;
ALTER TABLE early_withdrawals FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON early_withdrawals USING ((SELECT is_system()));

ALTER TABLE inbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE inbox FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON inbox FOR SELECT
    USING (EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = inbox.alert_id));
CREATE POLICY system ON inbox USING ((SELECT is_system()));

ALTER TABLE readings ENABLE ROW LEVEL SECURITY;
ALTER TABLE readings FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON readings FOR SELECT
    USING (EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = readings.alert_id));
CREATE POLICY own ON readings FOR INSERT
    WITH CHECK (subject = current_setting('yunjing.subject', true)
                AND EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = readings.alert_id));

ALTER TABLE history ENABLE ROW LEVEL SECURITY;
ALTER TABLE history FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON history FOR SELECT
    USING (EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = history.alert_id));
CREATE POLICY holder ON history FOR INSERT
    WITH CHECK ((SELECT is_system())
                OR by_subject = current_setting('yunjing.subject', true)
                AND EXISTS (SELECT 1 FROM alerts a
                            WHERE a.alert_id = history.alert_id AND a.holders && grants_of_caller()));

ALTER TABLE stream_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE stream_events FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON stream_events FOR SELECT
    USING ((SELECT is_system())
           OR readers && (SELECT grants_of_caller())
           AND (kind = 'removed' OR EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = stream_events.alert_id)));
CREATE POLICY holder ON stream_events FOR INSERT
    WITH CHECK (EXISTS (SELECT 1 FROM alerts a
                        WHERE a.alert_id = stream_events.alert_id AND a.holders && grants_of_caller()));
CREATE POLICY system ON stream_events FOR DELETE USING ((SELECT is_system()));

ALTER TABLE webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhooks FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON webhooks
    USING ((SELECT is_system()) OR owner = nullif(current_setting('yunjing.subject', true), ''));

ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON deliveries FOR SELECT
    USING (EXISTS (SELECT 1 FROM webhooks w WHERE w.webhook_id = deliveries.webhook_id));
CREATE POLICY system ON deliveries USING ((SELECT is_system()));

ALTER TABLE delivery_progress ENABLE ROW LEVEL SECURITY;
ALTER TABLE delivery_progress FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON delivery_progress USING ((SELECT is_system()));
