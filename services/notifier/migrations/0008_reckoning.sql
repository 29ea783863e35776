-- Notices of which no account is given: an alert on no desk, a red one that nobody has read, a term that passed without
-- escalation, events that went nowhere. A finding ends when the hole is filled; none is deleted.
CREATE TABLE reckoning_findings (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind     text NOT NULL,
    alert_id uuid REFERENCES alerts,
    since    timestamptz NOT NULL,
    found_at timestamptz NOT NULL,
    ended_at timestamptz
);
CREATE UNIQUE INDEX reckoning_open ON reckoning_findings (kind, alert_id) NULLS NOT DISTINCT WHERE ended_at IS NULL;
-- The reckoning's own heartbeat.
CREATE TABLE reckoning_beat (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    at       timestamptz NOT NULL
);

-- Who may read the alert may know what is amiss with it.
ALTER TABLE reckoning_findings ENABLE ROW LEVEL SECURITY;
ALTER TABLE reckoning_findings FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON reckoning_findings USING ((SELECT is_system()));
CREATE POLICY reader ON reckoning_findings FOR SELECT
    USING (alert_id IS NULL OR EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = reckoning_findings.alert_id));
ALTER TABLE reckoning_beat ENABLE ROW LEVEL SECURITY;
ALTER TABLE reckoning_beat FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON reckoning_beat USING ((SELECT is_system()));
CREATE POLICY reader ON reckoning_beat FOR SELECT USING (true);
