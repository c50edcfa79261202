-- The server deletes expired and revoked tokens from time to time, without reading the valid ones.

CREATE INDEX IF NOT EXISTS idx_refresh_tokens_expires_at ON refresh_tokens (expires_at);
CREATE INDEX IF NOT EXISTS idx_refresh_tokens_revoked ON refresh_tokens (id) WHERE revoked;
