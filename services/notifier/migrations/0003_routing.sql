-- Who must not see an alert: whom it is about, and their kin. For them it does not exist, in lists, pages, streams, counts.
ALTER TABLE alerts ADD COLUMN barred text[] NOT NULL DEFAULT '{}';
ALTER TABLE stream_events ADD COLUMN barred text[] NOT NULL DEFAULT '{}';

CREATE FUNCTION person_of_caller() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('yunjing.person', true), '')
$$;
ALTER POLICY reader ON alerts
    USING (readers && (SELECT grants_of_caller()) AND (SELECT person_of_caller()) <> ALL (barred));
ALTER POLICY holder ON alerts
    USING (holders && (SELECT grants_of_caller()) AND (SELECT person_of_caller()) <> ALL (barred));
ALTER POLICY reader ON stream_events
    USING ((SELECT is_system())
           OR readers && (SELECT grants_of_caller()) AND (SELECT person_of_caller()) <> ALL (barred)
           AND (kind = 'removed' OR EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = stream_events.alert_id)));

-- How an alert was routed (the model `Route`): by which version of the tree (0, or none given: the file), along which
-- path, and the desks that join step by step. `steps_taken` counts those taken for the term that ends at `steps_of`;
-- `escalate_at` is when the next is due.
ALTER TABLE alerts ADD COLUMN route jsonb NOT NULL DEFAULT '{}';
ALTER TABLE alerts ADD COLUMN steps_taken int NOT NULL DEFAULT 0;
ALTER TABLE alerts ADD COLUMN steps_of timestamptz;
ALTER TABLE alerts ADD COLUMN escalate_at timestamptz;
DROP INDEX IF EXISTS alerts_unacknowledged;
-- Why a desk has an alert is one of the arrivals of vocabulary.yaml.
ALTER TABLE inbox DROP CONSTRAINT IF EXISTS inbox_why_check;
CREATE INDEX alerts_to_escalate ON alerts (escalate_at) WHERE escalate_at IS NOT NULL;
CREATE INDEX alerts_open_on_desk ON alerts USING gin (desks) WITH (fastupdate = off) WHERE NOT finished;

-- Trees of the county's own. What is decided is never changed; who drafted it doesn't decide.
CREATE TABLE route_versions (
    version        int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    region_code    text NOT NULL CHECK (region_code ~ '^[0-9]{12}$'),
    tree           text NOT NULL,
    reason         text NOT NULL,
    state          text NOT NULL DEFAULT 'drafted' CHECK (state IN ('drafted', 'approved', 'rejected')),
    effective_from timestamptz,
    drafted_at     timestamptz NOT NULL,
    drafted_by     text NOT NULL,
    drafted_person text NOT NULL,
    drafted_name   text NOT NULL,
    decided_at     timestamptz,
    decided_by     text,
    decided_name   text,
    decided_reason text,
    CHECK ((state = 'drafted') = (decided_by IS NULL)),
    CHECK ((state = 'approved') = (effective_from IS NOT NULL)),
    CHECK (decided_by <> drafted_by)
);
CREATE FUNCTION keep_route_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' OR OLD.state <> 'drafted' OR (NEW.version, NEW.region_code, NEW.tree, NEW.reason, NEW.drafted_at,
        NEW.drafted_by, NEW.drafted_person, NEW.drafted_name) IS DISTINCT FROM (OLD.version, OLD.region_code, OLD.tree,
        OLD.reason, OLD.drafted_at, OLD.drafted_by, OLD.drafted_person, OLD.drafted_name) THEN
        RAISE EXCEPTION 'route versions are kept as they were' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON route_versions FOR EACH ROW EXECUTE FUNCTION keep_route_version();

-- The roster as it was written, version after version of each post; the last one holds.
CREATE TABLE rosters (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    desk         text NOT NULL CHECK (desk ~ '^[a-z_]+@[0-9]{12}$'),
    entries      jsonb NOT NULL,
    written_at   timestamptz NOT NULL,
    written_by   text NOT NULL,
    written_name text NOT NULL,
    reason       text NOT NULL
);
CREATE INDEX rosters_of_desk ON rosters (desk, id);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON rosters
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Who was at hand at each rostered desk when the clock last looked: where that changes, its alerts are looked at again.
CREATE TABLE desks_seen (
    desk     text PRIMARY KEY,
    at_hand  text[] NOT NULL
);

-- A grant reaches its own region and all below: `role@330421000000` covers the county, `role@330400000000` the city.
CREATE FUNCTION reaches(granted text, region text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT region LIKE CASE WHEN granted LIKE '%00000000' THEN left(granted, 4) || '%'
                            WHEN granted LIKE '%000000' THEN left(granted, 6) || '%'
                            WHEN granted LIKE '%000' THEN left(granted, 9) || '%' ELSE granted END
$$;
CREATE FUNCTION keeps_routes(region text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT 1 FROM unnest(grants_of_caller()) AS held
                   WHERE split_part(held, '@', 1) = ANY ('{county_secretary,route_keeper}')
                     AND reaches(split_part(held, '@', 2), region))
$$;
CREATE FUNCTION reads_routes(region text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT is_system() OR keeps_routes(region)
        OR EXISTS (SELECT 1 FROM unnest(grants_of_caller()) AS held
                   WHERE held LIKE 'auditor@%' AND reaches(split_part(held, '@', 2), region))
$$;

ALTER TABLE route_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE route_versions FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON route_versions FOR SELECT USING (reads_routes(region_code));
CREATE POLICY draft ON route_versions FOR INSERT
    WITH CHECK (keeps_routes(region_code) AND drafted_by = current_setting('yunjing.subject', true));
CREATE POLICY decide ON route_versions FOR UPDATE
    USING (keeps_routes(region_code) AND drafted_by <> current_setting('yunjing.subject', true));

ALTER TABLE rosters ENABLE ROW LEVEL SECURITY;
ALTER TABLE rosters FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON rosters FOR SELECT USING (reads_routes(split_part(desk, '@', 2)));
CREATE POLICY keeper ON rosters FOR INSERT
    WITH CHECK (keeps_routes(split_part(desk, '@', 2)) AND written_by = current_setting('yunjing.subject', true));

ALTER TABLE desks_seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE desks_seen FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON desks_seen USING ((SELECT is_system()));
