-- What cases decided, paid and received stands on their cards and, by quarter, on their village's page: the read models
-- are emptied, and the consumer begins again. The log of papers stays as it is; what officials took back is obeyed.
TRUNCATE withheld, cases, villages, alert_marks;
DELETE FROM consumer_offsets WHERE consumer = 'disclosure';
DELETE FROM seen_events WHERE consumer = 'disclosure';
