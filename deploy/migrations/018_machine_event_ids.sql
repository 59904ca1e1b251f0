-- The id that a machine event has of its sender, if it has one, so that whoever mended a refused one sees it taken. Those
-- stored before are without; it is in their `value`.
ALTER TABLE machine_events ADD COLUMN event_id text;
CREATE INDEX machine_events_by_event ON machine_events (event_id, event_time) WHERE event_id IS NOT NULL;
