-- How long each scanner may run, and whether it runs at all.
--
-- One row for each scanner, shared by all agents.

CREATE TABLE IF NOT EXISTS scanner_config (
    scanner_name VARCHAR(50) PRIMARY KEY,
    timeout_ms BIGINT NOT NULL CHECK (timeout_ms > 0),
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW()
);

COMMENT ON TABLE scanner_config IS 'Time limits and switches of the scanners';
COMMENT ON COLUMN scanner_config.timeout_ms IS 'Longest run in milliseconds';

-- Package managers wait for locks and networks: minutes. The rest
-- only read what the machine already knows: seconds.

INSERT INTO scanner_config (scanner_name, timeout_ms) VALUES
    ('apt', 1800000),
    ('dnf', 1800000),
    ('winget', 1800000),
    ('windows', 3600000),
    ('docker', 60000),
    ('storage', 10000),
    ('system', 10000)
ON CONFLICT (scanner_name) DO NOTHING;

CREATE INDEX IF NOT EXISTS idx_scanner_config_enabled
    ON scanner_config (enabled);
