-- What is read on papers, by content, and what was found of it for the cases they were filed at. Triggers queue each paper
-- in the transaction that brings it, so no writer can forget to; nothing waits for the reading.
CREATE TABLE paper_readings (
    sha256       text PRIMARY KEY REFERENCES documents,
    state        text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'read', 'unreadable')),
    queued_at    timestamptz NOT NULL DEFAULT now(),
    attempts     int NOT NULL DEFAULT 0,
    leased_until timestamptz,
    read_at      timestamptz,
    reason       text,
    source       text,
    pages        int NOT NULL DEFAULT 0,
    sizes        jsonb NOT NULL DEFAULT '[]',     -- of the kept pictures, one a page that was read
    lines        int NOT NULL DEFAULT 0,
    found        jsonb NOT NULL DEFAULT '[]',
    invoices     text[] NOT NULL DEFAULT '{}',
    sketch       bigint[] NOT NULL DEFAULT '{}',  -- MinHash: compares texts and can't be read
    bands        bigint[] NOT NULL DEFAULT '{}',
    look         bit(256)
);
CREATE INDEX paper_readings_waiting ON paper_readings (queued_at) WHERE state = 'waiting';
CREATE INDEX paper_readings_by_text ON paper_readings USING gin (bands);
CREATE INDEX paper_readings_by_invoice ON paper_readings USING gin (invoices);

-- A paper at a node, until the detector was told what stands on it.
CREATE TABLE paper_filings (
    case_id      uuid NOT NULL REFERENCES cases,
    sequence     int NOT NULL,
    kind         text NOT NULL,
    sha256       text NOT NULL,
    village_code text NOT NULL,
    told_at      timestamptz,
    PRIMARY KEY (case_id, sequence, kind, sha256)
);
CREATE INDEX paper_filings_untold ON paper_filings (sha256) WHERE told_at IS NULL;

-- Papers of one county that look like one paper, each pair in both directions.
CREATE TABLE paper_twins (
    county     text NOT NULL CHECK (county ~ '^[0-9]{6}$'),
    sha256     text NOT NULL REFERENCES documents,
    other      text NOT NULL REFERENCES documents,
    how        text NOT NULL CHECK (how IN ('invoice', 'text', 'look')),
    likeness   real NOT NULL,
    found_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (county, sha256, other)
);

-- What a person said of a finding: right, or misread. The last word holds; each is in the audit log.
CREATE TABLE paper_answers (
    case_id      uuid NOT NULL REFERENCES cases,
    sha256       text NOT NULL REFERENCES documents,
    finding      text NOT NULL,
    village_code text NOT NULL,
    answer       text NOT NULL CHECK (answer IN ('confirmed', 'rejected')),
    subject      text NOT NULL,
    name         text NOT NULL,
    answered_at  timestamptz NOT NULL,
    PRIMARY KEY (case_id, sha256, finding)
);

CREATE FUNCTION queue_readings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO paper_readings (sha256)
    SELECT sha256 FROM fresh WHERE media_type IN ('application/pdf', 'image/jpeg', 'image/png');
    RETURN NULL;
END $$;
CREATE TRIGGER readings_queued AFTER INSERT ON documents REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION queue_readings();
CREATE FUNCTION note_filings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO paper_filings (case_id, sequence, kind, sha256, village_code)
    SELECT f.case_id, f.sequence, f.kind, f.sha256, f.village_code FROM fresh f JOIN documents d USING (sha256)
    WHERE d.media_type IN ('application/pdf', 'image/jpeg', 'image/png');
    RETURN NULL;
END $$;
CREATE TRIGGER filings_noted AFTER INSERT ON case_documents REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION note_filings();

SELECT set_config('yunjing.regions', '%', true);
INSERT INTO paper_readings (sha256, queued_at) SELECT sha256, uploaded_at FROM documents
WHERE media_type IN ('application/pdf', 'image/jpeg', 'image/png');
INSERT INTO paper_filings (case_id, sequence, kind, sha256, village_code)
SELECT f.case_id, f.sequence, f.kind, f.sha256, f.village_code FROM case_documents f JOIN documents d USING (sha256)
WHERE d.media_type IN ('application/pdf', 'image/jpeg', 'image/png');

-- A reading is open to whom a case with its paper is open to; a twin to whom both are.
ALTER TABLE paper_readings ENABLE ROW LEVEL SECURITY;
ALTER TABLE paper_readings FORCE ROW LEVEL SECURITY;
CREATE POLICY queueing ON paper_readings FOR INSERT WITH CHECK (true);
CREATE POLICY working ON paper_readings USING (current_setting('yunjing.roles', true) = 'system');
CREATE POLICY filed ON paper_readings FOR SELECT
    USING (EXISTS (SELECT 1 FROM case_documents f WHERE f.sha256 = paper_readings.sha256));
ALTER TABLE paper_filings ENABLE ROW LEVEL SECURITY;
ALTER TABLE paper_filings FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON paper_filings
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE paper_twins ENABLE ROW LEVEL SECURITY;
ALTER TABLE paper_twins FORCE ROW LEVEL SECURITY;
CREATE POLICY working ON paper_twins USING (current_setting('yunjing.roles', true) = 'system');
CREATE POLICY both_filed ON paper_twins FOR SELECT
    USING (EXISTS (SELECT 1 FROM case_documents f WHERE f.sha256 = paper_twins.sha256)
           AND EXISTS (SELECT 1 FROM case_documents f WHERE f.sha256 = paper_twins.other));
ALTER TABLE paper_answers ENABLE ROW LEVEL SECURITY;
ALTER TABLE paper_answers FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON paper_answers
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
