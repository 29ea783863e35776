-- The register of kinship, as far as approval goes by it: who is kin and from when to when, by keyed hashes alone. What
-- they are to each other isn't kept.
CREATE TABLE kinship (
    id           text PRIMARY KEY,
    person_key   text NOT NULL,
    relative_key text NOT NULL,
    valid_from   date NOT NULL,
    valid_to     date
);
CREATE INDEX kinship_of_person ON kinship (person_key);
CREATE INDEX kinship_of_relative ON kinship (relative_key);
ALTER TABLE kinship ENABLE ROW LEVEL SECURITY;
ALTER TABLE kinship FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON kinship USING (current_setting('yunjing.roles', true) = 'system');

-- The one way to them in a caller's own transaction: the ties of the persons named, which nobody is shown.
CREATE FUNCTION ties_of(keys text[]) RETURNS SETOF kinship LANGUAGE plpgsql AS $$
DECLARE
    roles text := coalesce(current_setting('yunjing.roles', true), '');
BEGIN
    PERFORM set_config('yunjing.roles', 'system', true);
    RETURN QUERY SELECT * FROM kinship k WHERE k.person_key = ANY (keys) OR k.relative_key = ANY (keys);
    PERFORM set_config('yunjing.roles', roles, true);
END $$;
