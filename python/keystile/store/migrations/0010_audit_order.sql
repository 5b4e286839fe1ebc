-- The trail is read by time: everything of a tenant, what one actor did, or what was done to one target. Each is one
-- index range, between any two times.

CREATE INDEX audit_by_time ON audit (tenant, at, id);
CREATE INDEX audit_by_actor ON audit (tenant, actor, at, id);
CREATE INDEX audit_by_object ON audit (tenant, target, at, id);
DROP INDEX audit_by_tenant;
DROP INDEX audit_by_target;
