-- Receipts: what each gate has shown to have applied, so that a change can be confirmed everywhere; and the state of
-- this copy of the database, so that one that was set back is noticed.

-- Written with each poll of a gate, and by nothing else: whatever else locks a gate's other rows must not delay it.
CREATE TABLE receipts (
    gate_id        bytea PRIMARY KEY CHECK (octet_length(gate_id) = 16),
    machine        text NOT NULL,
    version        text NOT NULL,
    stale_after_ms bigint NOT NULL CHECK (stale_after_ms > 0),
    stale_policy   text NOT NULL CHECK (stale_policy IN ('deny', 'allow')),
    registered_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    seen_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- How often this row was written: what has not changed was not seen again, whatever the clocks say.
    reports        bigint NOT NULL DEFAULT 0,
    epoch          uuid,
    timeline       bigint NOT NULL DEFAULT 0,
    applied_rev    bigint NOT NULL DEFAULT 0,
    -- Its lease is surely over. Before it decides again it must register again.
    lapsed         boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);

-- PostgreSQL's timeline, which a promotion changes; 0 on a replica.
CREATE FUNCTION feed_timeline() RETURNS bigint LANGUAGE sql STABLE
RETURN CASE WHEN pg_is_in_recovery() THEN 0
            ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint END;

CREATE TABLE feed_state (
    one               boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- The epoch and timeline that have lasted for longer than any lease: no gate holds one that is unknown here.
    settled_epoch     uuid,
    settled_timeline  bigint,
    longest_lease_ms  bigint NOT NULL DEFAULT 0,
    -- While set, no gate decides: this is a restored copy, and what was revoked since is not in it yet.
    quarantined_since timestamptz,
    -- How far the database before it is known to have come; NULL: not known.
    needed_epoch      uuid,
    needed_rev        bigint,
    CHECK ((needed_epoch IS NULL) = (needed_rev IS NULL))
);
INSERT INTO feed_state (settled_epoch, settled_timeline) SELECT epoch, feed_timeline() FROM feed_clock;
