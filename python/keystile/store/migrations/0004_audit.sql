-- Who did what, and when. Rows are only ever added.

CREATE TABLE audit (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor      text NOT NULL,
    tenant     text,
    action     text NOT NULL,
    target     text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(detail) = 'object'),
    request_id text
);
CREATE INDEX audit_by_tenant ON audit (tenant, id);
CREATE INDEX audit_by_target ON audit (target, id);
