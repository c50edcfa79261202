-- Signed binaries for agents to update themselves with, and the update that an agent is in the middle of.

CREATE TABLE IF NOT EXISTS agent_update_packages (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    version VARCHAR(50) NOT NULL,
    platform VARCHAR(50) NOT NULL,
    architecture VARCHAR(20) NOT NULL,
    binary_path VARCHAR(500) NOT NULL,
    signature VARCHAR(128) NOT NULL,
    checksum VARCHAR(64) NOT NULL,
    file_size BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    UNIQUE (version, platform, architecture)
);

ALTER TABLE agents ADD COLUMN is_updating BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE agents ADD COLUMN updating_to_version VARCHAR(50);
ALTER TABLE agents ADD COLUMN update_initiated_at TIMESTAMP;
