-- What lists of the open data ask for beside a village's own list: when a case was opened, and when what is shown of it
-- last changed here, by which others fetch what is new; of a change of works the number of the case that it changes.
ALTER TABLE cases ADD COLUMN opened_at timestamptz, ADD COLUMN related_no text,
    ADD COLUMN changed_at timestamptz NOT NULL DEFAULT now();
SELECT set_config('yunjing.roles', 'system', true);
UPDATE cases c SET opened_at = (card->>'opened_at')::timestamptz, related_no = CASE WHEN flow = 'EN5' THEN (
    SELECT e->'fields'->>'related_case_no' FROM jsonb_array_elements(c.history) e
    WHERE e->'fields' ? 'related_case_no' LIMIT 1
) END;
ALTER TABLE cases ALTER COLUMN opened_at SET NOT NULL;
CREATE INDEX cases_by_change ON cases (changed_at, case_id);
CREATE INDEX changes_of_case ON cases (village_code, related_no) WHERE related_no IS NOT NULL;
CREATE INDEX cases_by_village_number ON cases (village_code, case_no);

-- Files of the open data, made as a whole and served as they are: `coding` is empty or gzip, `state` of which state of
-- the cases they were made, `checked_at` when that was last compared. One that was replaced stays a while for who is still reading it. What a rebuild moves with
-- the read models must not be named here, for these tables stay.
CREATE TABLE downloads (
    blob       uuid PRIMARY KEY,
    name       text NOT NULL,
    coding     text NOT NULL CHECK (coding IN ('', 'gzip')),
    media_type text NOT NULL,
    etag       text NOT NULL,
    source     text NOT NULL,
    size       bigint NOT NULL,
    rows       bigint NOT NULL,
    state      text NOT NULL,
    made_at    timestamptz NOT NULL DEFAULT now(),
    checked_at timestamptz NOT NULL DEFAULT now(),
    replaced_at timestamptz
);
CREATE UNIQUE INDEX downloads_now ON downloads (name, coding) WHERE replaced_at IS NULL;
CREATE TABLE download_parts (
    blob   uuid NOT NULL REFERENCES downloads ON DELETE CASCADE,
    number int NOT NULL,
    bytes  bytea NOT NULL,
    PRIMARY KEY (blob, number)
);
ALTER TABLE download_parts ALTER COLUMN bytes SET STORAGE EXTERNAL;

ALTER TABLE downloads ENABLE ROW LEVEL SECURITY;
ALTER TABLE downloads FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON downloads FOR SELECT USING (current_setting('yunjing.regions', true) = '%');
CREATE POLICY system ON downloads USING (current_setting('yunjing.roles', true) = 'system');

ALTER TABLE download_parts ENABLE ROW LEVEL SECURITY;
ALTER TABLE download_parts FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON download_parts FOR SELECT USING (current_setting('yunjing.regions', true) = '%');
CREATE POLICY system ON download_parts USING (current_setting('yunjing.roles', true) = 'system');
