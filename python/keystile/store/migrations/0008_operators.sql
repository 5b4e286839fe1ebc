-- Operators: the people who sign in to the console. Their links, their sessions, and how often somebody guessed.
-- Of links and sessions only SHA-256 digests are kept: they are random, so nobody can find one to a digest.

CREATE TABLE operators (
    id                text PRIMARY KEY CHECK (id ~ '^op_[0-7][0-9a-hjkmnp-tv-z]{25}$'),
    tenant            text NOT NULL REFERENCES tenants (id),
    email             text NOT NULL UNIQUE CHECK (char_length(email) BETWEEN 3 AND 254 AND email = lower(email)
                                                  AND email ~ '^[^@[:space:]]+@[^@[:space:]]+$'),
    role              text NOT NULL CHECK (role IN ('owner', 'admin', 'viewer')),
    -- Argon2id in PHC form; NULL until the operator has followed a link and chosen a password.
    password_hash     text CHECK (password_hash LIKE '$argon2id$%'),
    disabled          boolean NOT NULL DEFAULT false,
    created_at        timestamptz NOT NULL DEFAULT statement_timestamp(),
    created_by        text NOT NULL,
    last_signed_in_at timestamptz
);
CREATE INDEX operators_by_tenant ON operators (tenant, email);

CREATE TABLE operator_links (
    digest      bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    -- NULL: whoever follows it becomes the first operator there is.
    operator_id text REFERENCES operators (id) ON DELETE CASCADE,
    expires_at  timestamptz NOT NULL
);
-- One link at a time: a new one replaces those before it.
CREATE UNIQUE INDEX operator_links_one ON operator_links (COALESCE(operator_id, ''));

CREATE TABLE operator_sessions (
    digest      bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    operator_id text NOT NULL REFERENCES operators (id) ON DELETE CASCADE,
    created_at  timestamptz NOT NULL DEFAULT statement_timestamp(),
    expires_at  timestamptz NOT NULL
);
CREATE INDEX operator_sessions_by_operator ON operator_sessions (operator_id);

-- Token buckets for guesses of passwords (GCRA): `tat` is when the bucket will be full again.
CREATE TABLE sign_in_buckets (
    bucket bytea PRIMARY KEY CHECK (octet_length(bucket) = 32),
    tat    timestamptz NOT NULL
);
CREATE INDEX sign_in_buckets_by_tat ON sign_in_buckets (tat);
