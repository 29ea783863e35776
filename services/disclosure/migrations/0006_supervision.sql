-- The restricted read models: what the supervisors' figures (cockpit, evaluation) are made of. All of them are filled from
-- the log by their own consumer, and a rebuild moves whatever is called supervised_* with them, this function too.
-- The places whose figures the caller may read, as LIKE patterns: of his grants in a supervising role only, at `lowest`
-- this high ('village', 'town', 'county', 'city'); a county's auditor reads what is kept from the county's own desks.
CREATE FUNCTION supervised_places(lowest text) RETURNS text[] LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(pattern), '{}') FROM (
        SELECT CASE WHEN region LIKE '%00000000' THEN left(region, 4) || '%'
                    WHEN region LIKE '%000000' THEN left(region, 6) || '%'
                    WHEN region LIKE '%000' THEN left(region, 9) || '%' ELSE region END AS pattern,
               CASE WHEN region LIKE '%00000000' THEN 4 WHEN region LIKE '%000000' THEN 3
                    WHEN region LIKE '%000' THEN 2 ELSE 1 END + (role = 'auditor' AND region LIKE '%000000')::int AS level
        FROM (SELECT split_part(granted, '@', 1) AS role, split_part(granted, '@', 2) AS region
              FROM unnest(string_to_array(current_setting('yunjing.roles', true), ',')) AS granted) AS grants
        WHERE region ~ '^[0-9]{12}$'
          AND role IN ('county_leader', 'county_secretary', 'city_secretary', 'town_secretary', 'auditor')
    ) AS places WHERE level >= array_position(ARRAY['village', 'town', 'county', 'city'], lowest)
$$;

-- One alert as it stands. `process` marks a process prompt. `revision` and `withdrawn_revision` say whether the rule still
-- holds it, `withdrawn` that it was taken back before anybody judged it: it leaves the counts. `above` is the lowest level
-- at which it may be known, above whom it is about; for `barred`, by their keys, it does not exist.
-- What the lifecycle tells may come before the alert itself: then `happened_at` is still null, and no figure counts it.
CREATE TABLE supervised_alerts (
    alert_id           text PRIMARY KEY,
    rule_id            text NOT NULL,
    title_zh           text,
    title_en           text,
    grade              text NOT NULL CHECK (grade IN ('red', 'yellow', 'prompt')),
    process            boolean GENERATED ALWAYS AS (grade = 'prompt') STORED,
    matter             text,
    flow               text,
    node               text,
    village_code       text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    town_code          text NOT NULL CHECK (town_code ~ '^[0-9]{12}$'),
    case_ids           text[] NOT NULL DEFAULT '{}',
    happened_at        timestamptz,
    raised_at          timestamptz,
    delivered_at       timestamptz,
    acknowledged_at    timestamptz,
    due_at             timestamptz,
    closed_at          timestamptz,
    state              text NOT NULL,
    state_at           timestamptz,
    outcome            text,
    explanation        text,
    reopened           int NOT NULL DEFAULT 0,
    overdue            int NOT NULL DEFAULT 0,
    recovered_fen      bigint NOT NULL DEFAULT 0,
    people             int NOT NULL DEFAULT 0,
    revision           int NOT NULL DEFAULT 0,
    withdrawn_revision int NOT NULL DEFAULT 0,
    withdrawn          boolean NOT NULL DEFAULT false,
    hours_to_acknowledge double precision,
    hours_to_close     double precision,
    above              text NOT NULL DEFAULT 'village' CHECK (above IN ('village', 'town', 'county', 'city')),
    barred             text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX supervised_alerts_by_time ON supervised_alerts (happened_at, alert_id) WHERE happened_at IS NOT NULL;
CREATE INDEX supervised_alerts_by_closing ON supervised_alerts (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX supervised_alerts_by_village ON supervised_alerts (village_code, happened_at);
CREATE INDEX supervised_alerts_by_case ON supervised_alerts USING gin (case_ids);

-- One case as it stands. `amount_fen` is what it is about by the best word there is (`amount_kind` says which), so the
-- money of an alert is that of its cases, each counted once. Of a contractor the firm's name and a keyed hash; a natural
-- person's name is masked. `told` is what the case's own fold remembers.
CREATE TABLE supervised_cases (
    case_id         text PRIMARY KEY,
    case_no         text NOT NULL,
    flow            text NOT NULL,
    flow_version    int NOT NULL,
    matter          text NOT NULL,
    village_code    text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    town_code       text NOT NULL CHECK (town_code ~ '^[0-9]{12}$'),
    state           text NOT NULL CHECK (state IN ('running', 'closed', 'withdrawn')),
    opened_at       timestamptz NOT NULL,
    closed_at       timestamptz,
    withdrawn_at    timestamptz,
    node            text,
    due_at          timestamptz,
    returns         int NOT NULL,
    amount_fen      bigint,
    amount_kind     text,
    contractor_key  text,
    contractor_name text,
    contracted_at   timestamptz,
    told            jsonb NOT NULL
);
CREATE INDEX supervised_cases_by_opening ON supervised_cases (opened_at, case_id);
CREATE INDEX supervised_cases_by_village ON supervised_cases (village_code, opened_at);
CREATE INDEX supervised_cases_contracted ON supervised_cases (contracted_at) WHERE contractor_key IS NOT NULL;

-- One handling of a node: completed, or sent back (`returned`). Working hours between its arrival and its end, without the
-- time in which the case rested; null when the arrival is unknown. `late` is null without a term.
CREATE TABLE supervised_steps (
    case_id       text NOT NULL,
    sequence      int NOT NULL,
    flow          text NOT NULL,
    matter        text NOT NULL,
    node          text NOT NULL,
    village_code  text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    town_code     text NOT NULL CHECK (town_code ~ '^[0-9]{12}$'),
    started_at    timestamptz,
    due_at        timestamptz,
    done_at       timestamptz NOT NULL,
    working_hours real,
    late          boolean,
    returned      boolean NOT NULL,
    backfilled    boolean NOT NULL,
    PRIMARY KEY (case_id, sequence)
);
CREATE INDEX supervised_steps_by_time ON supervised_steps
    (done_at, case_id, sequence) INCLUDE (flow, node, village_code, working_hours, late, returned, backfilled);
CREATE INDEX supervised_steps_by_village ON supervised_steps (village_code, done_at);

-- Supervision proposals: counts and codes, for whom one names and what it says stays with the notifier.
CREATE TABLE supervised_proposals (
    proposal_id    text PRIMARY KEY,
    origin         text NOT NULL,
    addressee      text NOT NULL,
    region_code    text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    issued_by      text NOT NULL CHECK (issued_by ~ '^[0-9]{12}$'),
    rule_id        text NOT NULL,
    matter         text NOT NULL,
    alerts         int NOT NULL,
    state          text NOT NULL,
    state_at       timestamptz NOT NULL,
    served_at      timestamptz,
    answered_at    timestamptz,
    decided_at     timestamptz,
    adopted        text CHECK (adopted IN ('adopted', 'partly_adopted', 'refused')),
    closed_at      timestamptz,
    due_at         timestamptz,
    overdue        boolean NOT NULL,
    alerts_before  int,
    alerts_after   int,
    compared_days  int
);
CREATE INDEX supervised_proposals_by_time ON supervised_proposals (served_at) WHERE served_at IS NOT NULL;

-- How each appeal stands: when it was filed, accepted, answered, how often it was refused. No words, nobody's name.
CREATE TABLE supervised_appeals (
    appeal_id    text PRIMARY KEY,
    revision     int NOT NULL,
    village_code text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    desk         text NOT NULL CHECK (desk ~ '^[0-9]{12}$'),
    kind         text NOT NULL,
    case_id      text,
    state        text NOT NULL,
    filed_at     timestamptz NOT NULL,
    accepted_at  timestamptz,
    answered_at  timestamptz,
    redone_at    timestamptz,
    closed_at    timestamptz,
    due_at       timestamptz,
    unsatisfied  int NOT NULL,
    satisfied    boolean,
    reopened     boolean NOT NULL,
    overdue      boolean NOT NULL
);
CREATE INDEX supervised_appeals_by_time ON supervised_appeals (filed_at);

ALTER TABLE supervised_alerts ENABLE ROW LEVEL SECURITY;
ALTER TABLE supervised_alerts FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON supervised_alerts USING ((SELECT current_setting('yunjing.roles', true)) = 'system');
CREATE POLICY reader ON supervised_alerts FOR SELECT USING (
    village_code LIKE ANY (CASE above
        WHEN 'village' THEN (SELECT supervised_places('village'))
        WHEN 'town' THEN (SELECT supervised_places('town'))
        WHEN 'county' THEN (SELECT supervised_places('county'))
        ELSE (SELECT supervised_places('city')) END)
    AND (SELECT current_setting('yunjing.person', true)) <> ALL (barred)
    -- Before the alert itself has come, nobody knows whom it is about.
    AND happened_at IS NOT NULL);

ALTER TABLE supervised_cases ENABLE ROW LEVEL SECURITY;
ALTER TABLE supervised_cases FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON supervised_cases USING ((SELECT current_setting('yunjing.roles', true)) = 'system');
CREATE POLICY reader ON supervised_cases FOR SELECT USING (
    village_code LIKE ANY ((SELECT supervised_places('village'))::text[]));

ALTER TABLE supervised_steps ENABLE ROW LEVEL SECURITY;
ALTER TABLE supervised_steps FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON supervised_steps USING ((SELECT current_setting('yunjing.roles', true)) = 'system');
CREATE POLICY reader ON supervised_steps FOR SELECT USING (
    village_code LIKE ANY ((SELECT supervised_places('village'))::text[]));

-- Who issued it reads it, and whoever is above: it may be about somebody in the place that it is about.
ALTER TABLE supervised_proposals ENABLE ROW LEVEL SECURITY;
ALTER TABLE supervised_proposals FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON supervised_proposals USING ((SELECT current_setting('yunjing.roles', true)) = 'system');
CREATE POLICY reader ON supervised_proposals FOR SELECT USING (
    issued_by LIKE ANY ((SELECT supervised_places('village'))::text[]));

-- Whose desk it lies on, and whoever is above: a report about a town lies on no desk of that town.
ALTER TABLE supervised_appeals ENABLE ROW LEVEL SECURITY;
ALTER TABLE supervised_appeals FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON supervised_appeals USING ((SELECT current_setting('yunjing.roles', true)) = 'system');
CREATE POLICY reader ON supervised_appeals FOR SELECT USING (
    desk LIKE ANY ((SELECT supervised_places('village'))::text[]));
