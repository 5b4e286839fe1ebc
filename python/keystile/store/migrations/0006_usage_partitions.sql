-- Usage by hour and by day in partitions, so that forgetting what is old is dropping a table; the outcomes that proxies
-- report, kept as long as one may be sent again; and how often each gate has flushed.
-- There is no default partition: making room beside one would mean reading and locking it.

-- Makes the partition of `parent` that holds `day`, unless it is there; `span` is 'day' or 'month'. Many may ask at
-- once. Attaching, unlike CREATE TABLE … PARTITION OF, hinders nobody who reads or writes meanwhile.
CREATE FUNCTION usage_partition(parent text, span text, day date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    begins date := date_trunc(span, day::timestamp)::date;
    ends   date := (begins + ('1 ' || span)::interval)::date;
    name   text := concat(parent, '_', to_char(begins, 'YYYYMMDD'));
BEGIN
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('keystile usage partitions'));
    -- Attaching takes this lock anyway. Taking it here brings this session's catalogue up to date, which the advisory
    -- lock does not: without it, whoever waited for another that made this partition would not see it.
    EXECUTE format('LOCK TABLE ONLY %I IN SHARE UPDATE EXCLUSIVE MODE', parent);
    IF to_regclass(name) IS NOT NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES)', name, parent);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, name,
                   begins || ' 00:00+00', ends || ' 00:00+00');
END $$;

-- Room for today, for tomorrow, so that midnight finds it made, and for those of `days` that are in the past and not
-- yet to be forgotten.
CREATE FUNCTION usage_make_room(days date[], hourly_days integer, daily_days integer) RETURNS void LANGUAGE plpgsql
AS $$
DECLARE asked date;
BEGIN
    FOR asked IN
        SELECT day FROM unnest(days || utc_today() || (utc_today() + 1)) AS day
        WHERE day <= utc_today() + 1 AND day > utc_today() - GREATEST(hourly_days, daily_days)
        GROUP BY day ORDER BY day
    LOOP
        IF asked > utc_today() - hourly_days THEN
            PERFORM usage_partition('usage_hourly', 'day', asked);
        END IF;
        IF asked > utc_today() - daily_days THEN
            PERFORM usage_partition('usage_daily', 'month', asked);
        END IF;
    END LOOP;
END $$;

ALTER TABLE usage_hourly RENAME TO usage_hourly_before;
ALTER TABLE usage_hourly_before RENAME CONSTRAINT usage_hourly_pkey TO usage_hourly_before_pkey;
CREATE TABLE usage_hourly (LIKE usage_hourly_before INCLUDING DEFAULTS, PRIMARY KEY (key_id, hour))
    PARTITION BY RANGE (hour);
SELECT usage_partition('usage_hourly', 'day', day)
FROM (SELECT DISTINCT (hour AT TIME ZONE 'UTC')::date AS day FROM usage_hourly_before) days;
INSERT INTO usage_hourly SELECT * FROM usage_hourly_before;
DROP TABLE usage_hourly_before;

ALTER TABLE usage_daily RENAME TO usage_daily_before;
ALTER TABLE usage_daily_before RENAME CONSTRAINT usage_daily_pkey TO usage_daily_before_pkey;
CREATE TABLE usage_daily (LIKE usage_daily_before INCLUDING DEFAULTS, PRIMARY KEY (key_id, date))
    PARTITION BY RANGE (date);
SELECT usage_partition('usage_daily', 'month', month)
FROM (SELECT DISTINCT date_trunc('month', date::timestamp)::date AS month FROM usage_daily_before) months;
INSERT INTO usage_daily SELECT * FROM usage_daily_before;
DROP TABLE usage_daily_before;

SELECT usage_make_room('{}', 8, 400);

-- The ids of outcomes that are already counted; `tenant` is the one of whoever reported them, and its ids are its own.
CREATE TABLE usage_outcomes (
    tenant text NOT NULL,
    id     text NOT NULL CHECK (char_length(id) BETWEEN 1 AND 128),
    at     timestamptz NOT NULL,
    PRIMARY KEY (tenant, id, at)
) PARTITION BY RANGE (at);

-- How many flushes of a gate are in this database. A gate that remembers more of them than stand here knows that some
-- were lost (a failover without its tail, a restored backup) and sends everything again.
ALTER TABLE gates ADD COLUMN flushes bigint NOT NULL DEFAULT 0;
