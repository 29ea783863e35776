-- Papers of an inquiry, or of a proposal (the reply, proof of what was done). The content lies under the data directory,
-- named by its digest; its address is the random id.
CREATE TABLE folder_papers (
    paper_id    uuid PRIMARY KEY,
    inquiry_id  uuid REFERENCES inquiries,
    proposal_id uuid REFERENCES proposals,
    sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    size        bigint NOT NULL CHECK (size > 0),
    media_type  text NOT NULL,
    name        text NOT NULL,
    by_subject  text NOT NULL,
    by_name     text NOT NULL,
    filed_at    timestamptz NOT NULL,
    UNIQUE (inquiry_id, sha256),
    UNIQUE (proposal_id, sha256),
    CHECK (num_nonnulls(inquiry_id, proposal_id) = 1)
);
CREATE TABLE folder_paper_readings (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    paper_id uuid NOT NULL REFERENCES folder_papers,
    subject  text NOT NULL,
    name     text NOT NULL,
    read_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX readings_of_folder_paper ON folder_paper_readings (paper_id, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON folder_papers
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON folder_paper_readings
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

ALTER TABLE folder_papers ENABLE ROW LEVEL SECURITY;
ALTER TABLE folder_papers FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON folder_papers FOR SELECT
    USING (EXISTS (SELECT 1 FROM inquiries i WHERE i.inquiry_id = folder_papers.inquiry_id)
           OR EXISTS (SELECT 1 FROM proposals p WHERE p.proposal_id = folder_papers.proposal_id));
CREATE POLICY holder ON folder_papers FOR INSERT
    WITH CHECK (by_subject = current_setting('yunjing.subject', true)
                AND (EXISTS (SELECT 1 FROM inquiries i WHERE i.inquiry_id = folder_papers.inquiry_id
                             AND (i.overseers && grants_of_caller() OR holds_all_alerts(i.alert_ids)))
                     OR EXISTS (SELECT 1 FROM proposals p WHERE p.proposal_id = folder_papers.proposal_id
                                AND p.holders && grants_of_caller())));

ALTER TABLE folder_paper_readings ENABLE ROW LEVEL SECURITY;
ALTER TABLE folder_paper_readings FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON folder_paper_readings FOR SELECT
    USING (EXISTS (SELECT 1 FROM folder_papers p WHERE p.paper_id = folder_paper_readings.paper_id));
CREATE POLICY own ON folder_paper_readings FOR INSERT
    WITH CHECK (subject = current_setting('yunjing.subject', true)
                AND EXISTS (SELECT 1 FROM folder_papers p WHERE p.paper_id = folder_paper_readings.paper_id));
