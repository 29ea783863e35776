-- What is for these persons alone: an alert that they had is about them or their kin, it has become known. It tells them
-- to take the card off an open page, and says no more than the id they have. A process that reads once for all of a set
-- of grants calls itself `*` and hands it to those persons only.
ALTER TABLE stream_events ADD COLUMN only_for text[] CHECK (only_for IS NULL OR kind = 'removed');
ALTER POLICY reader ON stream_events
    USING ((SELECT is_system())
           OR readers && (SELECT grants_of_caller()) AND (SELECT person_of_caller()) <> ALL (barred)
           AND (only_for IS NULL OR (SELECT person_of_caller()) = ANY (only_for || '*'::text))
           AND (kind = 'removed' OR EXISTS (SELECT 1 FROM alerts a WHERE a.alert_id = stream_events.alert_id)));
