-- Appeals of residents. They are no read model: nothing rebuilds them, and a rebuild must leave them where they are. So
-- their policies name no function that moves with the read models.
-- `tracking_key` is the keyed hash of the number that only the author has; who comes with it (yunjing.person, as the
-- subject 'author') sees his own appeal. What a deed makes of one is written for the system, in the transaction in which
-- its doer has locked it by his own rights: it may then lie on a desk that he doesn't see. Words are sealed: people write what they like, telephones too.
CREATE TABLE appeals (
    appeal_id      uuid PRIMARY KEY,
    tracking_key   text NOT NULL UNIQUE CHECK (tracking_key ~ '^[0-9a-f]{64}$'),
    village_code   text NOT NULL CHECK (village_code ~ '^[0-9]{12}$'),
    desk           text NOT NULL CHECK (desk ~ '^[0-9]{12}$'),
    kind           text NOT NULL CHECK (kind IN ('question', 'suggestion', 'complaint', 'report')),
    state          text NOT NULL CHECK (state IN ('filed', 'handling', 'answered', 'closed')),
    revision       int NOT NULL CHECK (revision >= 1),
    due_by         timestamptz,
    overdue        boolean NOT NULL,
    filed_at       timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,
    standing       jsonb NOT NULL,
    words_sealed   text NOT NULL,
    words_key      text NOT NULL,
    joined_to      uuid REFERENCES appeals,
    readers        text[] NOT NULL,
    handlers       text[] NOT NULL,
    identity_readers text[] NOT NULL
);
CREATE INDEX appeals_by_desk ON appeals (desk, filed_at DESC, appeal_id DESC);
CREATE INDEX appeals_due ON appeals (due_by) WHERE due_by IS NOT NULL;
CREATE INDEX appeals_of_same_words ON appeals (village_code, words_key, filed_at);
CREATE INDEX appeals_joined ON appeals (joined_to) WHERE joined_to IS NOT NULL;

CREATE TABLE appeal_entries (
    appeal_id    uuid NOT NULL REFERENCES appeals,
    number       int NOT NULL,
    kind         text NOT NULL,
    by           text NOT NULL CHECK (by IN ('author', 'desk', 'clock')),
    at           timestamptz NOT NULL,
    words_sealed text NOT NULL,
    post         text,
    subject      text,
    public       boolean NOT NULL,
    detail       jsonb NOT NULL,
    PRIMARY KEY (appeal_id, number)
);

CREATE TABLE appeal_pictures (
    picture_id uuid PRIMARY KEY,
    appeal_id  uuid NOT NULL REFERENCES appeals,
    number     int NOT NULL,
    sha256     text NOT NULL,
    size       int NOT NULL,
    UNIQUE (appeal_id, number)
);

CREATE TABLE appeal_identities (
    appeal_id      uuid PRIMARY KEY REFERENCES appeals,
    name_sealed    text NOT NULL,
    contact_sealed text NOT NULL
);

-- Answers as anybody may read them, masked before they are written; and how many were asked, answered, overdue.
CREATE TABLE appeal_opinions (
    opinion_id   uuid PRIMARY KEY,
    appeal_id    uuid NOT NULL REFERENCES appeals,
    village_code text NOT NULL,
    kind         text NOT NULL CHECK (kind <> 'report'),
    about        text NOT NULL,
    answer       text NOT NULL,
    answered_at  timestamptz NOT NULL,
    withdrawn_at timestamptz
);
CREATE INDEX appeal_opinions_of_village ON appeal_opinions (village_code, answered_at DESC) WHERE withdrawn_at IS NULL;
CREATE TABLE appeal_counts (
    village_code text PRIMARY KEY,
    asked        int NOT NULL,
    answered     int NOT NULL,
    overdue      int NOT NULL
);

-- Against abuse, for a day: the day's own key is random, so that nobody can tell an address from its hash once it is gone.
CREATE TABLE appeal_day_keys (
    day date PRIMARY KEY,
    key text NOT NULL
);
CREATE TABLE appeal_rates (
    day    date NOT NULL,
    bucket text NOT NULL,
    count  int NOT NULL,
    PRIMARY KEY (day, bucket)
);

ALTER TABLE appeals ENABLE ROW LEVEL SECURITY;
ALTER TABLE appeals FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON appeals USING ((SELECT current_setting('yunjing.roles', true) = 'system'));
CREATE POLICY author ON appeals USING (
    (SELECT current_setting('yunjing.subject', true)) = 'author'
    AND tracking_key = (SELECT current_setting('yunjing.person', true)));
CREATE POLICY reader ON appeals FOR SELECT USING (readers && (SELECT string_to_array(current_setting('yunjing.roles', true), ',')));
-- Only to lock: a desk above may take back what the one below has published.
CREATE POLICY locker ON appeals FOR UPDATE USING (readers && (SELECT string_to_array(current_setting('yunjing.roles', true), ','))) WITH CHECK (false);

ALTER TABLE appeal_entries ENABLE ROW LEVEL SECURITY;
ALTER TABLE appeal_entries FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON appeal_entries USING ((SELECT current_setting('yunjing.roles', true) = 'system'));
CREATE POLICY reader ON appeal_entries FOR SELECT USING (
    EXISTS (SELECT 1 FROM appeals a WHERE a.appeal_id = appeal_entries.appeal_id));
REVOKE UPDATE, DELETE, TRUNCATE ON appeal_entries FROM CURRENT_USER;

ALTER TABLE appeal_pictures ENABLE ROW LEVEL SECURITY;
ALTER TABLE appeal_pictures FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON appeal_pictures USING ((SELECT current_setting('yunjing.roles', true) = 'system'));
CREATE POLICY reader ON appeal_pictures FOR SELECT USING (
    EXISTS (SELECT 1 FROM appeals a WHERE a.appeal_id = appeal_pictures.appeal_id));

ALTER TABLE appeal_identities ENABLE ROW LEVEL SECURITY;
ALTER TABLE appeal_identities FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON appeal_identities USING ((SELECT current_setting('yunjing.roles', true) = 'system'));
CREATE POLICY identity_reader ON appeal_identities FOR SELECT USING (
    EXISTS (SELECT 1 FROM appeals a WHERE a.appeal_id = appeal_identities.appeal_id AND a.identity_readers && (SELECT string_to_array(current_setting('yunjing.roles', true), ','))));
REVOKE UPDATE, TRUNCATE ON appeal_identities FROM CURRENT_USER;

ALTER TABLE appeal_opinions ENABLE ROW LEVEL SECURITY;
ALTER TABLE appeal_opinions FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON appeal_opinions USING ((SELECT current_setting('yunjing.roles', true) = 'system'));
CREATE POLICY reader ON appeal_opinions FOR SELECT USING (
    (withdrawn_at IS NULL AND (SELECT current_setting('yunjing.regions', true)) = '%')
    OR EXISTS (SELECT 1 FROM appeals a WHERE a.appeal_id = appeal_opinions.appeal_id));

ALTER TABLE appeal_counts ENABLE ROW LEVEL SECURITY;
ALTER TABLE appeal_counts FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON appeal_counts USING ((SELECT current_setting('yunjing.roles', true) = 'system'));
CREATE POLICY reader ON appeal_counts FOR SELECT USING (true);

ALTER TABLE appeal_day_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE appeal_day_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON appeal_day_keys USING ((SELECT current_setting('yunjing.roles', true) = 'system'));

ALTER TABLE appeal_rates ENABLE ROW LEVEL SECURITY;
ALTER TABLE appeal_rates FORCE ROW LEVEL SECURITY;
CREATE POLICY system ON appeal_rates USING ((SELECT current_setting('yunjing.roles', true) = 'system'));
