-- Channels: how alerts reach people and systems beyond the open page. Subscriptions of every kind take the place of
-- webhooks alone; an unreleased table of webhooks is not carried over.
DROP TABLE deliveries, webhooks;

-- `address` is sealed and `shown` is it masked; `secret` (of signatures) is sealed too. `gateway` names the county's own
-- that carries it. A person's address gets nothing before it is verified: `challenge` keys the code sent to it.
-- A subscription lives as long as its owner renews it; one that is removed keeps its row for the receipts, without its
-- address. `leased_until`: one message at a time. `paused_until`: the circuit is open after repeated failures.
CREATE TABLE subscriptions (
    subscription_id uuid PRIMARY KEY,
    kind         text NOT NULL,
    gateway      text NOT NULL,
    owner        text NOT NULL CHECK (owner <> ''),
    owner_name   text NOT NULL,
    person_key   text NOT NULL,
    desks        text[] NOT NULL,
    grades       text[] NOT NULL,
    address      text NOT NULL,
    shown        text NOT NULL,
    secret       text,
    cleared      boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    since        bigint NOT NULL,
    challenge    uuid,
    challenged_at  timestamptz,
    challenge_tries int NOT NULL DEFAULT 0,
    verified_at  timestamptz,
    paused       boolean NOT NULL DEFAULT false,
    quiet_from   time,
    quiet_until  time,
    removed_at   timestamptz,
    failures     int NOT NULL DEFAULT 0,
    paused_until timestamptz,
    leased_until timestamptz,
    CHECK ((quiet_from IS NULL) = (quiet_until IS NULL))
);
CREATE INDEX subscriptions_of_owner ON subscriptions (owner, created_at) WHERE removed_at IS NULL;
CREATE INDEX subscriptions_by_gateway ON subscriptions (gateway) WHERE removed_at IS NULL;
CREATE INDEX subscriptions_by_desk ON subscriptions USING gin (desks) WHERE removed_at IS NULL;

-- One message to one subscription: of the stream (`position`), or with a `body` of its own (a digest, a code, a test).
-- What reached a person about an alert stays as its receipt (`lasting`); the others go with their stream event.
CREATE TABLE deliveries (
    delivery_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subscription_id uuid NOT NULL REFERENCES subscriptions,
    channel      text NOT NULL,
    gateway      text NOT NULL,
    recipient    text NOT NULL,
    desks        text[] NOT NULL,
    position     bigint,
    alert_id     uuid REFERENCES alerts,
    kind         text NOT NULL,
    body         jsonb,
    lasting      boolean NOT NULL,
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up')),
    attempts     int NOT NULL DEFAULT 0,
    queued_at    timestamptz NOT NULL DEFAULT now(),
    next_at      timestamptz NOT NULL DEFAULT now(),
    give_up_at   timestamptz NOT NULL,
    attempted_at timestamptz,
    delivered_at timestamptz,
    status       int,
    provider_id  text,
    error        text,
    replays      int NOT NULL DEFAULT 0,
    UNIQUE (subscription_id, position),
    CHECK ((position IS NULL) = (body IS NOT NULL))
);
CREATE INDEX deliveries_of_event ON deliveries (position);
CREATE INDEX deliveries_of_alert ON deliveries (alert_id) WHERE lasting;
CREATE INDEX deliveries_waiting ON deliveries (subscription_id, next_at, delivery_id) WHERE state = 'waiting';
CREATE INDEX deliveries_ending ON deliveries (give_up_at) WHERE state = 'waiting';

-- The circuit of each gateway of the county: all its subscriptions wait while it is open.
CREATE TABLE circuits (
    gateway      text PRIMARY KEY,
    failures     int NOT NULL DEFAULT 0,
    paused_until timestamptz
);

-- By this key push services know us (VAPID): made at the first start, kept for good, sealed.
CREATE TABLE push_keys (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    sealed   text NOT NULL
);

-- When a message that came at `moment` may ring: at once outside the quiet hours (Shanghai time), else at their end.
CREATE FUNCTION after_quiet(quiet_from time, quiet_until time, moment timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN quiet_from IS NULL OR quiet_from = quiet_until THEN moment
        WHEN quiet_from < quiet_until AND (here::time < quiet_from OR here::time >= quiet_until) THEN moment
        WHEN quiet_from > quiet_until AND here::time < quiet_from AND here::time >= quiet_until THEN moment
        WHEN here::time < quiet_until THEN (here::date + quiet_until) AT TIME ZONE 'Asia/Shanghai'
        ELSE (here::date + 1 + quiet_until) AT TIME ZONE 'Asia/Shanghai'
    END FROM (SELECT moment AT TIME ZONE 'Asia/Shanghai' AS here) AS local
$$;

ALTER TABLE subscriptions ENABLE ROW LEVEL SECURITY;
ALTER TABLE subscriptions FORCE ROW LEVEL SECURITY;
CREATE POLICY owner ON subscriptions
    USING ((SELECT is_system()) OR owner = nullif(current_setting('yunjing.subject', true), ''));

ALTER TABLE deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON deliveries USING ((SELECT is_system()));
CREATE POLICY owner ON deliveries
    USING (EXISTS (SELECT 1 FROM subscriptions s WHERE s.subscription_id = deliveries.subscription_id));
-- Who may read an alert may see whether it was taken where.
CREATE POLICY reader ON deliveries FOR SELECT
    USING (lasting AND EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = deliveries.alert_id));

ALTER TABLE circuits ENABLE ROW LEVEL SECURITY;
ALTER TABLE circuits FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON circuits USING ((SELECT is_system()));

ALTER TABLE push_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE push_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON push_keys USING ((SELECT is_system()));
