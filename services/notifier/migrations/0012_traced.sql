-- The W3C trace context in which an event came about, so that its trace reaches the open page.
ALTER TABLE stream_events ADD COLUMN traceparent text;
