-- Production orders as their senders gave them: of each the revision that holds, which is the highest, and of that the
-- record that came first into floor.master. A log that is made anew gets them from here; it used to begin without them.
-- `document` is json, which keeps every number as it was written. "offset": of the life in which it was written.
-- `revision` is numeric, because a planning system may count its own, from anywhere.
CREATE TABLE orders (
    order_id text    NOT NULL PRIMARY KEY,
    revision numeric NOT NULL,
    "offset" bigint  NOT NULL,
    document json    NOT NULL
);

-- The orders that are in the log already: it is read once more from its beginning.
UPDATE sink_positions SET position = 0 WHERE topic = 'floor.master';
