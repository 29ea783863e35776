-- Policies that benefit people. No read model: nothing rebuilds them. A version is a draft until a second person publishes
-- it; what was published stays readable with its dates, withdrawn or not. Words are masked before they are written here.
CREATE TABLE policies (
    policy_id uuid PRIMARY KEY,
    region    text NOT NULL CHECK (region ~ '^[0-9]{12}$'),
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX policies_by_region ON policies (region);

CREATE TABLE policy_versions (
    policy_id    uuid NOT NULL REFERENCES policies,
    version      int NOT NULL CHECK (version >= 1),
    region       text NOT NULL CHECK (region ~ '^[0-9]{12}$'),
    content      jsonb NOT NULL,
    written_by   text NOT NULL,
    written_by_name text NOT NULL,
    written_at   timestamptz NOT NULL,
    published_by text CHECK (published_by <> written_by),
    published_by_name text,
    published_at timestamptz,
    withdrawn_by text,
    withdrawn_by_name text,
    withdrawn_at timestamptz,
    withdrawn_because text,
    PRIMARY KEY (policy_id, version)
);
CREATE UNIQUE INDEX policy_drafts ON policy_versions (policy_id) WHERE published_at IS NULL;
CREATE INDEX policy_versions_by_region ON policy_versions (region, written_at DESC);

-- Whether the caller writes the policies of a region: a post of the county or town over it (policies/policies.yaml).
CREATE FUNCTION writes_policies(region text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM unnest(string_to_array(current_setting('yunjing.roles', true), ',')) AS held
        WHERE split_part(held, '@', 1) IN ('county_authority', 'town_agri_office', 'town_leader')
          AND region LIKE CASE WHEN held LIKE '%00000000' THEN left(split_part(held, '@', 2), 4)
                               WHEN held LIKE '%000000' THEN left(split_part(held, '@', 2), 6)
                               WHEN held LIKE '%000' THEN left(split_part(held, '@', 2), 9)
                               ELSE split_part(held, '@', 2) END || '%')
$$;

ALTER TABLE policies ENABLE ROW LEVEL SECURITY;
ALTER TABLE policies FORCE ROW LEVEL SECURITY;
CREATE POLICY writer ON policies USING (writes_policies(region));
REVOKE DELETE, TRUNCATE ON policies FROM CURRENT_USER;

ALTER TABLE policy_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE policy_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON policy_versions FOR SELECT USING (
    published_at IS NOT NULL AND (SELECT current_setting('yunjing.regions', true)) = '%');
CREATE POLICY writer ON policy_versions USING (writes_policies(region)) WITH CHECK (
    writes_policies(region)
    AND current_setting('yunjing.subject', true) IN (written_by, published_by, withdrawn_by));
REVOKE DELETE, TRUNCATE ON policy_versions FROM CURRENT_USER;
