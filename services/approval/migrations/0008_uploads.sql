-- Papers on their way in over poor networks: what has arrived so far, piece by piece, until it is a document or expires.
CREATE TABLE uploads (
    upload_id  uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    subject    text NOT NULL,
    name       text NOT NULL,
    declared   text,
    length     bigint NOT NULL CHECK (length > 0),
    received   bigint NOT NULL DEFAULT 0 CHECK (received <= length),
    sha256     text REFERENCES documents,
    started_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX uploads_by_subject ON uploads (subject, started_at);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);

CREATE TABLE upload_parts (
    upload_id uuid NOT NULL REFERENCES uploads ON DELETE CASCADE,
    starts_at bigint NOT NULL,
    body      bytea NOT NULL,
    PRIMARY KEY (upload_id, starts_at)
);
-- It is compressed already, most of it: don't try again.
ALTER TABLE upload_parts ALTER COLUMN body SET STORAGE EXTERNAL;

ALTER TABLE uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY uploader ON uploads
    USING (subject = current_setting('yunjing.subject', true)
           OR current_setting('yunjing.roles', true) = 'system');
ALTER TABLE upload_parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE upload_parts FORCE ROW LEVEL SECURITY;
CREATE POLICY uploader ON upload_parts USING (EXISTS (SELECT 1 FROM uploads u WHERE u.upload_id = upload_parts.upload_id));
