-- Whether this is a replica, its version, and whether the schema is there at all. Cost: none.
SELECT pg_is_in_recovery() AS replica, current_setting('server_version_num')::integer AS version,
       to_regclass('schema_migrations') IS NOT NULL AS known
