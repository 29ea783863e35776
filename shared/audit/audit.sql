-- Who saw, changed or exported what. An entry is written with the deed that it tells of, and right after its commit the
-- sealer gives it its `number` and `hash`, once. Nothing else of an entry ever changes, and none is ever deleted.
-- `once` keeps what is repeated within the hour from being told again. `readers` are those who audit the entry's region.
CREATE TABLE audit_log (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor   text NOT NULL,
    name    text NOT NULL,
    grants  text[] NOT NULL,
    action  text NOT NULL,
    object  text NOT NULL,
    region  text NOT NULL CHECK (region ~ '^[0-9]{12}$'),
    detail  jsonb NOT NULL,
    once    text UNIQUE,
    number  bigint UNIQUE CHECK (number >= 1),
    hash    text CHECK (hash ~ '^[0-9a-f]{64}$'),
    readers text[] NOT NULL GENERATED ALWAYS AS (ARRAY[
        'auditor@' || region, 'auditor@' || left(region, 9) || '000', 'auditor@' || left(region, 6) || '000000',
        'auditor@' || left(region, 4) || '00000000', 'county_secretary@' || left(region, 6) || '000000',
        'city_secretary@' || left(region, 4) || '00000000']) STORED,
    CHECK ((number IS NULL) = (hash IS NULL))
);
CREATE INDEX audit_log_unsealed ON audit_log (id) WHERE number IS NULL;
CREATE INDEX audit_log_by_object ON audit_log (object text_pattern_ops, id);
CREATE INDEX audit_log_by_actor ON audit_log (actor, id);

-- The owner of a table may do anything to it; these it has to take back from itself first. What it does then, or what
-- the database's own master does, is found by comparing with the published heads (`make audit`).
REVOKE UPDATE, DELETE, TRUNCATE ON audit_log FROM CURRENT_USER;
GRANT UPDATE (number, hash) ON audit_log TO CURRENT_USER;

CREATE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only();
CREATE TRIGGER sealed_once BEFORE UPDATE ON audit_log FOR EACH ROW
    WHEN (OLD.number IS NOT NULL OR NEW.number IS NULL
          OR (NEW.id, NEW.at, NEW.actor, NEW.name, NEW.grants, NEW.action, NEW.object, NEW.region, NEW.detail, NEW.once)
             IS DISTINCT FROM
             (OLD.id, OLD.at, OLD.actor, OLD.name, OLD.grants, OLD.action, OLD.object, OLD.region, OLD.detail, OLD.once))
    EXECUTE FUNCTION audit_append_only();

ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON audit_log FOR SELECT
    USING ((SELECT current_setting('yunjing.roles', true) = 'system')
           OR readers && (SELECT string_to_array(current_setting('yunjing.roles', true), ',')));
CREATE POLICY own ON audit_log FOR INSERT
    WITH CHECK (number IS NULL AND (actor = current_setting('yunjing.subject', true)
                                    OR (SELECT current_setting('yunjing.roles', true) = 'system')));
CREATE POLICY sealer ON audit_log FOR UPDATE USING ((SELECT current_setting('yunjing.roles', true) = 'system'));
