-- Lists and counts walk many alerts and read few: the body lies beside the row, which so stays narrow; what is searched for
-- lies in it.
ALTER TABLE alerts SET (toast_tuple_target = 512);
ALTER TABLE alerts ALTER COLUMN desks SET STORAGE MAIN;
ALTER TABLE alerts ALTER COLUMN holders SET STORAGE MAIN;
ALTER TABLE alerts ALTER COLUMN readers SET STORAGE MAIN;
ALTER TABLE alerts ALTER COLUMN barred SET STORAGE MAIN;
ALTER TABLE alerts ALTER COLUMN assignee SET STORAGE MAIN;
ALTER TABLE alerts ALTER COLUMN judgement SET STORAGE MAIN;
ALTER TABLE alerts ADD COLUMN searched text NOT NULL GENERATED ALWAYS AS (
    lower(coalesce(body #>> '{title,zh}', '') || ' ' || coalesce(body #>> '{title,en}', '') || ' '
          || coalesce(body ->> 'case_nos', ''))) STORED;
ALTER TABLE alerts ALTER COLUMN searched SET STORAGE MAIN;
