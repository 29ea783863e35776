-- Whom an alert, an inquiry or a proposal is about, and their kin, read nothing of what others do with it: not
-- even as an auditor, and not of what was done before it was known to be about them. For them those rows don't exist;
-- so the look at them is the system's, and the caller's own settings are put back behind it.
CREATE FUNCTION barred_from(object text, person text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    roles text := current_setting('yunjing.roles', true);
    kind  text := split_part(object, ':', 1);
    id    text := split_part(object, ':', 2);
    found boolean;
BEGIN
    IF kind NOT IN ('alert', 'inquiry', 'proposal')
       OR id !~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN
        RETURN false;
    END IF;
    PERFORM set_config('yunjing.roles', 'system', true), set_config('yunjing.person', '', true);
    found := EXISTS (SELECT 1 FROM alerts WHERE alert_id = id::uuid AND person = ANY (barred))
          OR EXISTS (SELECT 1 FROM inquiries WHERE inquiry_id = id::uuid AND person = ANY (barred))
          OR EXISTS (SELECT 1 FROM proposals WHERE proposal_id = id::uuid AND person = ANY (barred));
    PERFORM set_config('yunjing.roles', roles, true), set_config('yunjing.person', person, true);
    RETURN found;
END $$;
CREATE POLICY stands_aside ON audit_log AS RESTRICTIVE FOR SELECT
    USING ((SELECT person_of_caller()) = '' OR NOT barred_from(object, (SELECT person_of_caller())));
