-- Files of existing records on their way in: a job for each, its rows read and waiting, what must be mended in them.
CREATE TABLE import_jobs (
    job_id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    region_code    text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    subject        text NOT NULL,
    person_key     text NOT NULL,
    name           text NOT NULL,
    file_name      text NOT NULL,
    sha256         text NOT NULL,
    size           bigint NOT NULL,
    mapping        jsonb NOT NULL DEFAULT '{}',
    mapping_name   text,
    wish           text NOT NULL CHECK (wish IN ('look', 'all', 'good')),
    state          text NOT NULL DEFAULT 'reading'
                   CHECK (state IN ('reading', 'checking', 'checked', 'taking', 'done', 'cancelled', 'refused')),
    sheets         jsonb NOT NULL DEFAULT '[]',
    read           int NOT NULL DEFAULT 0,   -- rows and faults taken off the file
    rows           int NOT NULL DEFAULT 0,   -- good rows among them
    faults         int NOT NULL DEFAULT 0,
    notices        int NOT NULL DEFAULT 0,
    unmapped       int NOT NULL DEFAULT 0,   -- faults of headers, without whose mend nothing is taken
    worked         int NOT NULL DEFAULT 0,   -- rows checked, or taken over
    at_village     text NOT NULL DEFAULT '',
    at_case        text NOT NULL DEFAULT '',
    cases_opened   int NOT NULL DEFAULT 0,
    nodes_recorded int NOT NULL DEFAULT 0,
    rows_repeated  int NOT NULL DEFAULT 0,
    refused_zh     text NOT NULL DEFAULT '',
    refused_en     text NOT NULL DEFAULT '',
    leased_by      uuid,
    leased_until   timestamptz,
    created_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    ended_at       timestamptz
);
CREATE INDEX import_jobs_by_age ON import_jobs (created_at DESC);
CREATE INDEX import_jobs_to_do ON import_jobs (created_at) WHERE state IN ('reading', 'checking', 'taking');

-- Rows that were read and wait to be taken over, in the order in which they will be; they go when the job ends.
CREATE TABLE import_rows (
    job_id       uuid NOT NULL REFERENCES import_jobs ON DELETE CASCADE,
    village_code text NOT NULL,
    case_no      text NOT NULL,
    occurred_at  timestamptz NOT NULL,
    node_order   int NOT NULL,
    number       int NOT NULL,
    digest       bytea NOT NULL,
    row          jsonb NOT NULL,
    PRIMARY KEY (job_id, village_code, case_no, occurred_at, node_order, number)
);

-- What must be mended, or is told of, by its place in the file; numbers of persons and accounts masked.
CREATE TABLE import_faults (
    fault_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    job_id      uuid NOT NULL REFERENCES import_jobs ON DELETE CASCADE,
    region_code text NOT NULL,
    sheet       text NOT NULL,
    line        int NOT NULL,
    "column"    text NOT NULL,
    zh          text NOT NULL,
    en          text NOT NULL,
    value       text NOT NULL,
    grave       boolean NOT NULL,
    header      boolean NOT NULL
);
CREATE INDEX import_faults_of_job ON import_faults (job_id, fault_id);

-- How a county's own sheets are read, by name; a change is a further version.
CREATE TABLE import_mappings (
    name        text NOT NULL,
    version     int NOT NULL,
    region_code text NOT NULL,
    mapping     jsonb NOT NULL,
    subject     text NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, version)
);

ALTER TABLE import_jobs ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_jobs FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON import_jobs
    USING (region_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE import_rows ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_rows FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON import_rows
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE import_faults ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_faults FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON import_faults
    USING (region_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
-- Headers are no secret: a village reads by the mapping of its county. Only its own region writes one.
ALTER TABLE import_mappings ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_mappings FORCE ROW LEVEL SECURITY;
CREATE POLICY everybody ON import_mappings FOR SELECT USING (true);
CREATE POLICY region ON import_mappings FOR INSERT
    WITH CHECK (region_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
