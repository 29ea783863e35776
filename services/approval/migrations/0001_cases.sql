-- Cases of village power, everything that happened to them, and the papers filed with them.
CREATE TABLE cases (
    case_id      uuid PRIMARY KEY,
    case_no      text NOT NULL,
    title        text NOT NULL,
    matter       text NOT NULL,
    flow         text NOT NULL,
    flow_version int NOT NULL,
    village_code text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    town_code    text NOT NULL CHECK (town_code ~ '^[0-9]{12}$'),
    status       text NOT NULL CHECK (status IN ('open', 'closed', 'withdrawn')),
    node         text,
    waits_for    text[] NOT NULL DEFAULT '{}',
    due_at       timestamptz,
    opened_at    timestamptz NOT NULL,
    updated_at   timestamptz NOT NULL,
    sequence     int NOT NULL CHECK (sequence >= 1),
    imported     boolean NOT NULL DEFAULT false,
    state        jsonb NOT NULL,
    UNIQUE (village_code, case_no)
);
CREATE INDEX cases_by_opening ON cases (opened_at DESC, case_id DESC);
CREATE INDEX cases_of_village ON cases (village_code text_pattern_ops, opened_at DESC, case_id DESC);
CREATE INDEX cases_waiting ON cases (coalesce(due_at, timestamptz '9999-01-01 00:00+00'), case_id)
    WHERE status = 'open';

-- The log of a case: one row for each change, numbered without gaps.
CREATE TABLE case_events (
    case_id      uuid NOT NULL REFERENCES cases,
    sequence     int NOT NULL CHECK (sequence >= 1),
    village_code text NOT NULL,
    type         text NOT NULL,
    occurred_at  timestamptz NOT NULL,
    recorded_at  timestamptz NOT NULL DEFAULT now(),
    data         jsonb NOT NULL,
    PRIMARY KEY (case_id, sequence)
);

-- The next number of a village's cases of a flow in a year.
CREATE TABLE case_numbers (
    village_code text NOT NULL,
    flow         text NOT NULL,
    year         int NOT NULL,
    last         int NOT NULL,
    PRIMARY KEY (village_code, flow, year)
);

-- Papers by content. The file lies under the data directory, named by its digest.
CREATE TABLE documents (
    sha256      text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size        bigint NOT NULL CHECK (size > 0),
    media_type  text NOT NULL,
    uploaded_at timestamptz NOT NULL DEFAULT now()
);

-- Who brought a paper: knowing a digest, which may be public, is not enough to file or to read it.
CREATE TABLE document_uploads (
    sha256      text NOT NULL REFERENCES documents,
    subject     text NOT NULL,
    name        text NOT NULL,
    uploaded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (sha256, subject)
);

CREATE TABLE case_documents (
    case_id      uuid NOT NULL REFERENCES cases,
    sequence     int NOT NULL,
    sha256       text NOT NULL REFERENCES documents,
    village_code text NOT NULL,
    kind         text NOT NULL,
    name         text NOT NULL,
    PRIMARY KEY (case_id, sequence, kind, sha256)
);
CREATE INDEX case_documents_by_content ON case_documents (sha256);

-- Each row of an imported sheet that took effect, by the digest of what it says: the same row twice has one effect.
CREATE TABLE imported_rows (
    village_code text NOT NULL,
    digest       bytea NOT NULL,
    case_id      uuid NOT NULL REFERENCES cases,
    imported_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (village_code, digest)
);

-- Answers kept under the key that the caller chose, so that a repeated request has one effect.
CREATE TABLE idempotency_keys (
    subject    text NOT NULL,
    key        text NOT NULL,
    request    text NOT NULL,
    status     int,
    answer     jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (subject, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON case_events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE cases ENABLE ROW LEVEL SECURITY;
ALTER TABLE cases FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON cases
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE case_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE case_events FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON case_events
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE case_numbers ENABLE ROW LEVEL SECURITY;
ALTER TABLE case_numbers FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON case_numbers
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE case_documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE case_documents FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON case_documents
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE imported_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE imported_rows FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON imported_rows
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE document_uploads ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_uploads FORCE ROW LEVEL SECURITY;
CREATE POLICY uploader ON document_uploads
    USING (subject = current_setting('yunjing.subject', true)
           OR current_setting('yunjing.roles', true) = 'system');
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY caller ON idempotency_keys
    USING (subject = current_setting('yunjing.subject', true)
           OR current_setting('yunjing.roles', true) = 'system');
