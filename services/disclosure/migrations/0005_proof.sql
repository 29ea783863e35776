-- The paper log: disclosed originals, in the order in which they were taken in, and the Merkle tree over them. It is no
-- read model: nothing rebuilds it, and a rebuild must leave it where it is. So its policies name no function that moves
-- with the read models.
-- A leaf is written with the case that discloses it, and gets its place in the log once, with the next signed head.
CREATE TABLE paper_leaves (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    leaf_index   bigint UNIQUE CHECK (leaf_index >= 0),
    case_id      text NOT NULL,
    sequence     int NOT NULL,
    node         text NOT NULL,
    kind         text NOT NULL,
    sha256       text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    flow         text NOT NULL,
    village_code text NOT NULL,
    disclosed_at timestamptz NOT NULL,
    replaces     text[] NOT NULL,
    leaf         text NOT NULL,
    UNIQUE (case_id, sequence, kind, sha256)
);
CREATE INDEX paper_leaves_waiting ON paper_leaves (id) WHERE leaf_index IS NULL;
CREATE INDEX paper_leaves_by_print ON paper_leaves (sha256);

-- The perfect subtrees: (level, place) holds the 2^level leaves from place * 2^level on. None ever changes.
CREATE TABLE paper_nodes (
    level smallint NOT NULL,
    place bigint NOT NULL,
    hash  bytea NOT NULL,
    PRIMARY KEY (level, place)
);

CREATE TABLE paper_heads (
    size      bigint PRIMARY KEY,
    root      bytea NOT NULL,
    note      text NOT NULL,
    signed_at timestamptz NOT NULL
);

-- The owner of a table may do anything to it; these it has to take back from itself first. What it does then is found by
-- whoever kept a head.
REVOKE UPDATE, DELETE, TRUNCATE ON paper_leaves, paper_nodes, paper_heads FROM CURRENT_USER;
GRANT UPDATE (leaf_index) ON paper_leaves TO CURRENT_USER;
CREATE FUNCTION paper_log_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the paper log is append-only' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON paper_leaves
    FOR EACH STATEMENT EXECUTE FUNCTION paper_log_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON paper_nodes
    FOR EACH STATEMENT EXECUTE FUNCTION paper_log_append_only();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON paper_heads
    FOR EACH STATEMENT EXECUTE FUNCTION paper_log_append_only();
CREATE TRIGGER placed_once BEFORE UPDATE ON paper_leaves FOR EACH ROW
    WHEN (OLD.leaf_index IS NOT NULL OR NEW.leaf_index IS NULL
          OR (NEW.id, NEW.case_id, NEW.sequence, NEW.node, NEW.kind, NEW.sha256, NEW.flow, NEW.village_code,
              NEW.disclosed_at, NEW.replaces, NEW.leaf)
             IS DISTINCT FROM
             (OLD.id, OLD.case_id, OLD.sequence, OLD.node, OLD.kind, OLD.sha256, OLD.flow, OLD.village_code,
              OLD.disclosed_at, OLD.replaces, OLD.leaf))
    EXECUTE FUNCTION paper_log_append_only();

ALTER TABLE paper_leaves ENABLE ROW LEVEL SECURITY;
ALTER TABLE paper_leaves FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON paper_leaves FOR SELECT USING ((SELECT current_setting('yunjing.regions', true)) = '%');
CREATE POLICY system ON paper_leaves USING ((SELECT current_setting('yunjing.roles', true)) = 'system');

ALTER TABLE paper_nodes ENABLE ROW LEVEL SECURITY;
ALTER TABLE paper_nodes FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON paper_nodes FOR SELECT USING ((SELECT current_setting('yunjing.regions', true)) = '%');
CREATE POLICY system ON paper_nodes USING ((SELECT current_setting('yunjing.roles', true)) = 'system');

ALTER TABLE paper_heads ENABLE ROW LEVEL SECURITY;
ALTER TABLE paper_heads FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON paper_heads FOR SELECT USING ((SELECT current_setting('yunjing.regions', true)) = '%');
CREATE POLICY system ON paper_heads USING ((SELECT current_setting('yunjing.roles', true)) = 'system');
