-- Who did what to what: apart from the operational log, which holds no deeds, and readable with a permission
-- of its own. An actor is a name, not a reference: entries outlive users.

CREATE TABLE IF NOT EXISTS audit_log (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    actor VARCHAR(120) NOT NULL,
    action VARCHAR(60) NOT NULL,
    subject VARCHAR(255) NOT NULL,
    details JSONB NOT NULL DEFAULT '{}'
);

CREATE INDEX IF NOT EXISTS idx_audit_log_recorded_at ON audit_log (recorded_at DESC);
