-- The day's work of clerks and approvers: their inbox, drafts, absences and deputies, comments, reminders.

-- What waits in a village: an inbox reads this much and no more.
CREATE INDEX cases_open_of_village ON cases (village_code, coalesce(due_at, timestamptz '9999-01-01 00:00+00'), case_id)
    WHERE status = 'open';

-- Forms that are not filed yet, as they were typed: sealed, for a form holds ID numbers and accounts in clear.
CREATE TABLE drafts (
    subject  text NOT NULL,
    place    text NOT NULL,
    case_id  uuid REFERENCES cases,
    node     text,
    flow     text NOT NULL,
    sealed   text NOT NULL,
    saved_at timestamptz NOT NULL,
    PRIMARY KEY (subject, place)
);
CREATE INDEX drafts_by_age ON drafts (saved_at);

-- Who has been seen at work in which role, so that one can be named as a deputy.
CREATE TABLE colleagues (
    subject    text NOT NULL,
    role       text NOT NULL,
    region     text NOT NULL CHECK (region ~ '^[0-9]{12}$'),
    name       text NOT NULL,
    person_key text NOT NULL,
    seen_at    timestamptz NOT NULL,
    PRIMARY KEY (subject, role, region)
);
CREATE INDEX colleagues_of_region ON colleagues (region, role);

-- Times away from a role, with the deputy who stands in once a third person has approved of him.
CREATE TABLE absences (
    absence_id     uuid PRIMARY KEY,
    subject        text NOT NULL,
    name           text NOT NULL,
    person_key     text NOT NULL,
    role           text NOT NULL,
    region         text NOT NULL CHECK (region ~ '^[0-9]{12}$'),
    starts_on      date NOT NULL,
    ends_on        date NOT NULL CHECK (ends_on >= starts_on),
    reason         text NOT NULL,
    deputy_subject text,
    deputy_name    text,
    deputy_key     text,
    asked_at       timestamptz NOT NULL,
    decided_at     timestamptz,
    decided_by     text,
    decider_name   text,
    approved       boolean,
    ended_at       timestamptz,
    ended_by       text
);
CREATE INDEX absences_by_end ON absences (ends_on);

-- What those who work on a case say to each other. Nothing is deleted: a comment is struck out, with the reason.
CREATE TABLE case_comments (
    comment_id    uuid PRIMARY KEY,
    case_id       uuid NOT NULL REFERENCES cases,
    village_code  text NOT NULL,
    node          text,
    text          text NOT NULL,
    mentions      text[] NOT NULL DEFAULT '{}',
    subject       text NOT NULL,
    name          text NOT NULL,
    written_at    timestamptz NOT NULL,
    struck_at     timestamptz,
    struck_by     text,
    strike_reason text
);
CREATE INDEX case_comments_of_case ON case_comments (case_id, written_at);
CREATE INDEX case_comments_mentioning ON case_comments (village_code, written_at) WHERE mentions <> '{}';
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND old.struck_at IS NULL AND new.struck_at IS NOT NULL
       AND (new.comment_id, new.case_id, new.village_code, new.node, new.text, new.mentions, new.subject, new.name,
            new.written_at)
           IS NOT DISTINCT FROM (old.comment_id, old.case_id, old.village_code, old.node, old.text, old.mentions,
            old.subject, old.name, old.written_at) THEN
        RETURN new;
    END IF;
    RAISE EXCEPTION 'a comment can only be struck out' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER strike_only BEFORE UPDATE OR DELETE ON case_comments FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- Up to when somebody has read a case's comments.
CREATE TABLE comments_read (
    subject text NOT NULL,
    case_id uuid NOT NULL REFERENCES cases,
    read_at timestamptz NOT NULL,
    PRIMARY KEY (subject, case_id)
);

-- Terms that come near or have passed, once each, in one line that other systems can follow.
CREATE TABLE reminders (
    position     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    case_id      uuid NOT NULL REFERENCES cases,
    sequence     int NOT NULL,
    node         text NOT NULL,
    village_code text NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('soon', 'overdue')),
    due_at       timestamptz NOT NULL,
    told_at      timestamptz NOT NULL,
    UNIQUE (case_id, node, due_at, kind)
);
CREATE INDEX reminders_of_village ON reminders (village_code, position);

ALTER TABLE drafts ENABLE ROW LEVEL SECURITY;
ALTER TABLE drafts FORCE ROW LEVEL SECURITY;
CREATE POLICY writer ON drafts
    USING (subject = current_setting('yunjing.subject', true)
           OR current_setting('yunjing.roles', true) = 'system');
ALTER TABLE colleagues ENABLE ROW LEVEL SECURITY;
ALTER TABLE colleagues FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON colleagues
    USING (region LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE absences ENABLE ROW LEVEL SECURITY;
ALTER TABLE absences FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON absences
    USING (region LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ','))
           OR deputy_subject = current_setting('yunjing.subject', true));
ALTER TABLE case_comments ENABLE ROW LEVEL SECURITY;
ALTER TABLE case_comments FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON case_comments
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
ALTER TABLE comments_read ENABLE ROW LEVEL SECURITY;
ALTER TABLE comments_read FORCE ROW LEVEL SECURITY;
CREATE POLICY reader ON comments_read
    USING (subject = current_setting('yunjing.subject', true));
ALTER TABLE reminders ENABLE ROW LEVEL SECURITY;
ALTER TABLE reminders FORCE ROW LEVEL SECURITY;
CREATE POLICY region ON reminders
    USING (village_code LIKE ANY (string_to_array(current_setting('yunjing.regions', true), ',')));
