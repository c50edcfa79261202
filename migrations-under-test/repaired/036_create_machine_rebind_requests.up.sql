-- New hardware under an agent: asked for, decided by an administrator, then done once.

CREATE TABLE IF NOT EXISTS machine_rebind_requests (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    agent_id UUID NOT NULL REFERENCES agents(id) ON DELETE CASCADE,
    old_machine_id VARCHAR(128),
    new_machine_id VARCHAR(128) NOT NULL CHECK (new_machine_id <> ''),
    reason TEXT,
    status VARCHAR(20) NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'rejected', 'completed')),
    requested_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    decided_at TIMESTAMP WITH TIME ZONE,
    decided_by UUID REFERENCES users(id) ON DELETE RESTRICT,
    completed_at TIMESTAMP WITH TIME ZONE
);

-- One open request an agent.
CREATE UNIQUE INDEX IF NOT EXISTS idx_machine_rebind_requests_open
    ON machine_rebind_requests (agent_id) WHERE status IN ('pending', 'approved');
