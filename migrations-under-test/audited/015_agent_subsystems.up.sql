-- What an agent scans, each with its own switch and interval.

CREATE TABLE IF NOT EXISTS agent_subsystems (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    agent_id UUID NOT NULL REFERENCES agents(id) ON DELETE CASCADE,
    subsystem VARCHAR(50) NOT NULL,
    enabled BOOLEAN NOT NULL DEFAULT TRUE,
    auto_run BOOLEAN NOT NULL DEFAULT FALSE,
    interval_minutes INTEGER NOT NULL DEFAULT 15,
    last_run_at TIMESTAMP WITH TIME ZONE,
    next_run_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    UNIQUE (agent_id, subsystem)
);

CREATE INDEX IF NOT EXISTS idx_agent_subsystems_next_run ON agent_subsystems (next_run_at) WHERE enabled AND auto_run;

INSERT INTO agent_subsystems (agent_id, subsystem)
SELECT agents.id, defaults.subsystem
FROM agents CROSS JOIN (VALUES ('updates'), ('storage'), ('system'), ('docker')) AS defaults (subsystem)
ON CONFLICT (agent_id, subsystem) DO NOTHING;
