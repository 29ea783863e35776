-- What was last said of each record on the bus: the same said again is not published again, though the record itself
-- comes back a moment later. `digest` is of all but the day of knowing; null when the record was deleted.
CREATE TABLE reference_published (
    dataset     text NOT NULL,
    id          text NOT NULL,
    region_code text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    digest      bytea,
    recorded_at timestamptz,
    PRIMARY KEY (dataset, id)
);

-- Who uploaded what and what became of it. Nothing here is ever changed or deleted.
CREATE TABLE reference_uploads (
    id          uuid PRIMARY KEY,
    dataset     text NOT NULL,
    region_code text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    subject     text NOT NULL,
    person_key  text NOT NULL,
    name        text NOT NULL,
    at          timestamptz NOT NULL,
    format      text NOT NULL CHECK (format IN ('csv', 'xlsx', 'json', 'record')),
    sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    bytes       bigint NOT NULL,
    rows        int NOT NULL,
    changed     int NOT NULL,
    deleted     int NOT NULL,
    unchanged   int NOT NULL,
    refused     int NOT NULL,
    applied     boolean NOT NULL
);
CREATE INDEX reference_uploads_by_age ON reference_uploads (at DESC, id DESC);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON reference_uploads
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON reference_uploads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE reference_published ENABLE ROW LEVEL SECURITY;
ALTER TABLE reference_published FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON reference_published
    USING (region_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE reference_uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE reference_uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON reference_uploads
    USING (region_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
