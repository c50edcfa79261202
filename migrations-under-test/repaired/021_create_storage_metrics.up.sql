-- How full each disk of an agent's machine is.

CREATE TABLE IF NOT EXISTS storage_metrics (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    agent_id UUID NOT NULL REFERENCES agents(id) ON DELETE CASCADE,
    mountpoint VARCHAR(255) NOT NULL,
    device VARCHAR(255),
    filesystem VARCHAR(50),
    total_bytes BIGINT,
    used_bytes BIGINT,
    available_bytes BIGINT,
    used_percent DOUBLE PRECISION,
    severity VARCHAR(20),
    metadata JSONB DEFAULT '{}',
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW()
);

CREATE INDEX IF NOT EXISTS idx_storage_metrics_agent_created ON storage_metrics (agent_id, created_at DESC);
