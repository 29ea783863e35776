-- The political-ecology evaluation: what a step tells beyond its time, figures handed in, sealed quarters and their cards.
-- What a completed node showed: papers it asked for and papers filed (kinds), how the body that decided was attended and
-- voted, what was paid and whether in cash (null: the form doesn't say). Filled by a rebuild for steps that are older.
ALTER TABLE supervised_steps
    ADD COLUMN required      text[] NOT NULL DEFAULT '{}',
    ADD COLUMN filed         text[] NOT NULL DEFAULT '{}',
    ADD COLUMN body          text,
    ADD COLUMN members_due   int,
    ADD COLUMN present       int,
    ADD COLUMN votes_for     int,
    ADD COLUMN votes_against int,
    ADD COLUMN paid_fen      bigint,
    ADD COLUMN in_cash       boolean;

-- The places whose cards the caller may read, as LIKE patterns: of his grants in a reading role of each level. The roles
-- are those of `readers` in evaluation.yaml; a test holds the two together.
CREATE FUNCTION evaluation_places() RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(CASE WHEN region LIKE '%00000000' THEN left(region, 4) || '%'
                                   WHEN region LIKE '%000000' THEN left(region, 6) || '%'
                                   WHEN region LIKE '%000' THEN left(region, 9) || '%' ELSE region END), '{}')
    FROM (SELECT split_part(granted, '@', 1) AS role, split_part(granted, '@', 2) AS region
          FROM unnest(string_to_array(current_setting('yunjing.roles', true), ',')) AS granted) AS grants
    WHERE region ~ '^[0-9]{12}$' AND CASE
        WHEN region LIKE '%00000000' THEN role IN ('city_secretary', 'auditor')
        WHEN region LIKE '%000000' THEN role IN ('county_leader', 'county_secretary', 'auditor')
        WHEN region LIKE '%000' THEN role IN ('town_secretary', 'town_leader', 'auditor')
        ELSE role IN ('village_head', 'party_branch', 'supervisory_committee') END
$$;

-- Figures that no record of ours tells, handed in together; they count when a second person has approved them.
CREATE TABLE evaluation_figures (
    batch_id    uuid PRIMARY KEY,
    county_code text NOT NULL CHECK (county_code ~ '^[0-9]{12}$'),
    quarter     text NOT NULL CHECK (quarter ~ '^20[0-9]{2}Q[1-4]$'),
    figures     jsonb NOT NULL,
    note        text NOT NULL,
    state       text NOT NULL DEFAULT 'drafted' CHECK (state IN ('drafted', 'approved', 'rejected')),
    drafted_by  text NOT NULL,
    drafted_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    decided_by  text CHECK (decided_by <> drafted_by),
    decided_at  timestamptz,
    CHECK ((state = 'drafted') = (decided_at IS NULL))
);
CREATE INDEX evaluation_figures_by_quarter ON evaluation_figures (county_code, quarter, decided_at);

-- A quarter as it was counted, to be sealed by a second person; a later revision has a reason. At most one waits. The
-- plan is text: the order of its bands and groups counts.
CREATE TABLE evaluation_seals (
    seal_id     uuid PRIMARY KEY,
    county_code text NOT NULL CHECK (county_code ~ '^[0-9]{12}$'),
    quarter     text NOT NULL CHECK (quarter ~ '^20[0-9]{2}Q[1-4]$'),
    revision    int NOT NULL CHECK (revision > 0),
    reason      text NOT NULL CHECK (revision = 1 OR reason <> ''),
    plan        text NOT NULL,
    as_of       timestamptz NOT NULL,
    state       text NOT NULL DEFAULT 'proposed' CHECK (state IN ('proposed', 'sealed', 'rejected')),
    drafted_by  text NOT NULL,
    decided_by  text CHECK (decided_by <> drafted_by),
    decided_at  timestamptz,
    CHECK ((state = 'proposed') = (decided_at IS NULL))
);
CREATE UNIQUE INDEX evaluation_seals_waiting ON evaluation_seals (county_code, quarter) WHERE state = 'proposed';
CREATE UNIQUE INDEX evaluation_seals_once ON evaluation_seals (county_code, quarter, revision) WHERE state = 'sealed';

-- The cards of a seal, with the records behind each line.
CREATE TABLE evaluation_cards (
    seal_id     uuid NOT NULL REFERENCES evaluation_seals,
    region_code text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    weight      double precision NOT NULL,
    card        jsonb NOT NULL,
    records     jsonb NOT NULL,
    PRIMARY KEY (seal_id, region_code)
);

ALTER TABLE evaluation_figures ENABLE ROW LEVEL SECURITY;
ALTER TABLE evaluation_figures FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON evaluation_figures USING ((SELECT current_setting('yunjing.roles', true)) = 'system');
CREATE POLICY county ON evaluation_figures USING (county_code LIKE ANY ((SELECT evaluation_places())::text[]));
ALTER TABLE evaluation_seals ENABLE ROW LEVEL SECURITY;
ALTER TABLE evaluation_seals FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON evaluation_seals USING ((SELECT current_setting('yunjing.roles', true)) = 'system');
CREATE POLICY county ON evaluation_seals USING (county_code LIKE ANY ((SELECT evaluation_places())::text[]));
-- That a quarter is sealed, by which plan and why, whoever reads one of its cards may know.
CREATE POLICY sealed ON evaluation_seals FOR SELECT USING (state = 'sealed'
    AND left(county_code, 6) = ANY (SELECT left(pattern, 6) FROM unnest((SELECT evaluation_places())) AS pattern));
ALTER TABLE evaluation_cards ENABLE ROW LEVEL SECURITY;
ALTER TABLE evaluation_cards FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON evaluation_cards USING ((SELECT current_setting('yunjing.roles', true)) = 'system');
CREATE POLICY reader ON evaluation_cards USING (region_code LIKE ANY ((SELECT evaluation_places())::text[]));
