-- The bus in each service's schema: what waits to be published, how far each consumer came, what it has seen.
CREATE TABLE outbox (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    uuid NOT NULL,
    topic       text NOT NULL,
    key         text NOT NULL,
    type        text NOT NULL,
    source      text NOT NULL,
    subject     text,
    time        timestamptz NOT NULL,
    traceparent text,
    data        text
);

CREATE TABLE consumer_offsets (
    consumer    text NOT NULL,
    topic       text NOT NULL,
    partition   int NOT NULL,
    next_offset bigint NOT NULL DEFAULT 0,
    epoch       bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (consumer, topic, partition)
);

CREATE TABLE seen_events (
    event_id uuid NOT NULL,
    consumer text NOT NULL,
    seen_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (event_id, consumer)
);
CREATE INDEX seen_events_by_age ON seen_events (consumer, seen_at);
