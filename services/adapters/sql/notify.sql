-- Statements of the outbox of notify. "Earlier" is an earlier version of the same alert for the same recipient:
-- nothing overtakes one that still waits. Everything but `tell`, `resolve` and `sent` runs under the channel's lock.

-- name: positions
SELECT partition, position, epoch FROM notify_positions WHERE generation = $1 AND partition = ANY ($2::int[])

-- name: advance
INSERT INTO notify_positions AS t (generation, partition, position, epoch) VALUES ($1, $2, $3, $4)
ON CONFLICT (generation, partition) DO UPDATE
SET position = GREATEST(t.position, excluded.position), epoch = GREATEST(t.epoch, excluded.epoch)

-- name: tell
INSERT INTO notifications (generation, alert_id, recipient, version, incident, kind, channel, member, language,
                           mentions, priority, at, content, state, finished)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, CASE WHEN $14 = 'waiting' THEN NULL ELSE now() END)
ON CONFLICT DO NOTHING

-- name: resolve
-- Only to those who were told of the incident or are being told; where nobody could be, nobody is now. $7: whether
-- this is worth a call; if not it still keeps what waits from being sent.
INSERT INTO notifications (generation, alert_id, recipient, version, incident, kind, channel, member, language,
                           mentions, priority, at, content, state, finished)
SELECT DISTINCT ON (recipient)
       generation, alert_id, recipient, $3, incident, 'resolved', channel, member, language, mentions, priority, $5, $6,
       CASE WHEN state IN ('no_channel', 'nobody') THEN state WHEN $7 THEN 'waiting' ELSE 'collapsed' END,
       CASE WHEN state IN ('no_channel', 'nobody') OR NOT $7 THEN now() END
FROM notifications
WHERE generation = $1 AND alert_id = $2 AND version < $3 AND incident = $4 AND kind <> 'resolved'
ORDER BY recipient, state IN ('no_channel', 'nobody'), version DESC
ON CONFLICT DO NOTHING

-- name: know_channel
INSERT INTO notify_channels (channel) VALUES ($1) ON CONFLICT (channel) DO UPDATE SET not_before = NULL, stuck = false
WHERE notify_channels.stuck

-- name: any_waiting
SELECT EXISTS (SELECT FROM notifications WHERE channel = $1 AND state = 'waiting')

-- name: lock_channel
SELECT failures, not_before, now() AS now FROM notify_channels WHERE channel = $1 FOR UPDATE SKIP LOCKED

-- name: expire_leases
-- Whoever held them is gone or was paused. What had been begun may have arrived.
UPDATE notifications
SET lease = NULL, lease_until = NULL, perhaps = perhaps OR begun, begun = false,
    digest = CASE WHEN perhaps OR begun THEN digest END
WHERE channel = $1 AND state = 'waiting' AND lease_until < now()

-- name: give_up
UPDATE notifications
SET state = 'given_up', finished = now(), reason = coalesce(reason, 'too old')
WHERE channel = $1 AND state = 'waiting' AND lease IS NULL AND at < now() - make_interval(secs => $2)
RETURNING 1

-- name: collapse
-- Over before anybody was told: not worth a call any more.
UPDATE notifications AS n
SET state = 'collapsed', finished = now()
WHERE channel = $1 AND state = 'waiting' AND lease IS NULL AND NOT perhaps AND kind <> 'resolved'
  AND EXISTS (SELECT FROM notifications AS r
              WHERE (r.generation, r.alert_id, r.recipient, r.incident)
                  = (n.generation, n.alert_id, n.recipient, n.incident) AND r.kind = 'resolved')
RETURNING 1

-- name: collapse_resolved
UPDATE notifications AS r
SET state = 'collapsed', finished = now()
WHERE channel = $1 AND state = 'waiting' AND lease IS NULL AND NOT perhaps AND kind = 'resolved'
  AND NOT EXISTS (SELECT FROM notifications AS n
                  WHERE (n.generation, n.alert_id, n.recipient, n.incident)
                      = (r.generation, r.alert_id, r.recipient, r.incident)
                    AND n.kind <> 'resolved' AND n.state IN ('waiting', 'sent'))
RETURNING 1

-- name: room
-- The start of the message that has to be out of the window before the next may begin; NULL where there is room.
SELECT at FROM notify_attempts
WHERE channel = $1 AND at > now() - make_interval(secs => $3)
ORDER BY at DESC OFFSET $2 - 1 LIMIT 1

-- name: waiting
SELECT n.recipient, count(*) AS notifications, min(n.priority) AS priority, min(n.at) AS at, m.sent, m.last,
       (array_agg(n.digest::text) FILTER (WHERE n.perhaps AND n.digest IS NOT NULL))[1] AS digest,
       bool_or(n.perhaps AND n.digest IS NULL) AS unsure
FROM notifications AS n
LEFT JOIN LATERAL (SELECT count(*) AS sent, max(a.at) AS last FROM notify_attempts AS a
                   WHERE a.recipient = n.recipient AND a.at > now() - make_interval(secs => $2)
                     AND (a.outcome IS NULL OR a.outcome = 'sent')) AS m ON true
WHERE n.channel = $1 AND n.state = 'waiting' AND n.lease IS NULL AND n.due <= now()
  AND NOT EXISTS (SELECT FROM notifications AS e
                  WHERE (e.generation, e.alert_id, e.recipient) = (n.generation, n.alert_id, n.recipient)
                    AND e.version < n.version AND e.state = 'waiting')
GROUP BY n.recipient, m.sent, m.last

-- name: lease_one
UPDATE notifications AS t
SET lease = $3, lease_until = now() + make_interval(secs => $4)
WHERE (generation, alert_id, recipient, version) = (
    SELECT n.generation, n.alert_id, n.recipient, n.version FROM notifications AS n
    WHERE n.channel = $1 AND n.recipient = $2 AND n.state = 'waiting' AND n.lease IS NULL AND n.due <= now()
      AND n.digest IS NULL
      AND NOT EXISTS (SELECT FROM notifications AS e
                      WHERE (e.generation, e.alert_id, e.recipient) = (n.generation, n.alert_id, n.recipient)
                        AND e.version < n.version AND e.state = 'waiting')
    ORDER BY n.perhaps DESC, n.priority, n.at, n.alert_id LIMIT 1)
RETURNING t.*

-- name: lease_digest
-- All that waits for the recipient; `digest` names the message, so that it can go out again as it was.
UPDATE notifications AS t
SET lease = $3, lease_until = now() + make_interval(secs => $4), digest = $3
WHERE (generation, alert_id, recipient, version) IN (
    SELECT n.generation, n.alert_id, n.recipient, n.version FROM notifications AS n
    WHERE n.channel = $1 AND n.recipient = $2 AND n.state = 'waiting' AND n.lease IS NULL AND n.due <= now()
      AND NOT n.perhaps
      AND NOT EXISTS (SELECT FROM notifications AS e
                      WHERE (e.generation, e.alert_id, e.recipient) = (n.generation, n.alert_id, n.recipient)
                        AND e.version < n.version AND e.state = 'waiting'
                        AND (e.lease IS NOT NULL OR e.due > now() OR e.perhaps))
    ORDER BY n.priority, n.at, n.alert_id, n.version LIMIT 500)
RETURNING t.*

-- name: lease_digest_again
UPDATE notifications AS t
SET lease = $3, lease_until = now() + make_interval(secs => $4)
WHERE channel = $1 AND recipient = $2 AND digest = $5 AND state = 'waiting' AND lease IS NULL
RETURNING t.*

-- name: attempt
INSERT INTO notify_attempts (attempt, channel, recipient, notifications) VALUES ($1, $2, $3, $4)

-- name: hold_target
-- A target that has failed is tried by one at a time.
UPDATE notify_channels SET not_before = now() + make_interval(secs => $2) WHERE channel = $1

-- name: forget_attempts
DELETE FROM notify_attempts WHERE channel = $1 AND at < now() - interval '7 days'

-- name: begin
-- Recorded before anything is sent: whoever finds it begun knows that it may have arrived.
UPDATE notifications
SET attempts = attempts + 1, begun = true, repeats = repeats + perhaps::int
WHERE lease = $1 AND lease_until > now() AND state = 'waiting'
RETURNING perhaps

-- name: sent
UPDATE notifications
SET state = 'sent', finished = now(), begun = false, lease = NULL, lease_until = NULL, reason = NULL
WHERE state = 'waiting' AND (generation, alert_id, recipient, version)
      IN (SELECT $1::int, * FROM unnest($2::text[], $3::text[], $4::int[]))

-- name: target_answered
UPDATE notify_channels SET failures = 0, not_before = NULL, stuck = false, reason = NULL, succeeded = now()
WHERE channel = $1

-- name: unsent
UPDATE notifications
SET begun = false, lease = NULL, lease_until = NULL, due = now() + make_interval(secs => $2 * least(attempts, 10)),
    reason = $3, perhaps = perhaps OR $4, digest = CASE WHEN perhaps OR $4 THEN digest END
WHERE lease = $1

-- name: refused
UPDATE notifications
SET state = 'refused', finished = now(), begun = false, lease = NULL, lease_until = NULL, reason = $2
WHERE lease = $1

-- name: target_failed
UPDATE notify_channels
SET failures = failures + 1, not_before = now() + make_interval(secs => $2), stuck = $3, reason = $4
WHERE channel = $1

-- name: outcome
UPDATE notify_attempts SET outcome = $2 WHERE attempt = $1

-- name: census
SELECT channel, count(*) AS waiting, extract(epoch FROM now() - min(created))::float8 AS oldest_s
FROM notifications WHERE state = 'waiting' GROUP BY channel

-- name: breakers
SELECT channel, failures, stuck, not_before > now() AS closed_to_us FROM notify_channels

-- name: forget_finished
DELETE FROM notifications WHERE finished < now() - interval '400 days'
