-- Subscriptions of other systems to changes of cases, and their messages: each change once for each that asked for it.
CREATE TABLE webhooks (
    webhook_id       uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    subject          text NOT NULL,
    url              text NOT NULL,          -- sealed
    secret           text NOT NULL,          -- sealed
    old_secret       text,                   -- sealed; signs along until the end of its term
    old_secret_until timestamptz,
    regions          text[] NOT NULL CHECK (cardinality(regions) > 0),
    reach            text[] NOT NULL,        -- the regions as patterns, as row-level security reads them
    matters          text[] NOT NULL DEFAULT '{}',
    types            text[] NOT NULL DEFAULT '{}',
    paused           boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL DEFAULT now(),
    expires_at       timestamptz NOT NULL,
    failures         int NOT NULL DEFAULT 0,
    failing_since    timestamptz,
    resting_until    timestamptz,
    switched_off_at  timestamptz,
    leased_until     timestamptz,
    sequence         int NOT NULL DEFAULT 1
);
CREATE INDEX webhooks_of_client ON webhooks (subject);

CREATE TABLE webhook_deliveries (
    delivery_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    webhook_id   uuid NOT NULL REFERENCES webhooks ON DELETE CASCADE,
    subject      text NOT NULL,
    position     bigint,                     -- none for a test
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'given_up')),
    attempts     int NOT NULL DEFAULT 0,
    replays      int NOT NULL DEFAULT 0,
    queued_at    timestamptz NOT NULL DEFAULT now(),
    next_at      timestamptz NOT NULL DEFAULT now(),
    give_up_at   timestamptz NOT NULL,
    attempted_at timestamptz,
    delivered_at timestamptz,
    status       int,
    error        text,
    UNIQUE (webhook_id, position)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (webhook_id, next_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (queued_at);

ALTER TABLE webhooks ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhooks FORCE ROW LEVEL SECURITY;
CREATE POLICY client ON webhooks
    USING (subject = current_setting('yunjing.subject', true)
           OR current_setting('yunjing.roles', true) = 'system');
ALTER TABLE webhook_deliveries ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_deliveries FORCE ROW LEVEL SECURITY;
CREATE POLICY client ON webhook_deliveries
    USING (subject = current_setting('yunjing.subject', true)
           OR current_setting('yunjing.roles', true) = 'system');
