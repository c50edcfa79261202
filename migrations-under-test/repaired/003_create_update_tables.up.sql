-- What happened to each package (update_events) and what is true of it now (current_package_state).

CREATE TABLE IF NOT EXISTS update_events (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    agent_id UUID NOT NULL REFERENCES agents(id) ON DELETE CASCADE,
    package_type VARCHAR(50) NOT NULL,
    package_name TEXT NOT NULL,
    version_from TEXT,
    version_to TEXT NOT NULL,
    severity VARCHAR(20) NOT NULL CHECK (severity IN ('critical', 'important', 'moderate', 'low')),
    repository_source TEXT,
    metadata JSONB DEFAULT '{}',
    event_type VARCHAR(20) NOT NULL CHECK (event_type IN ('discovered', 'updated', 'failed', 'ignored')),
    created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);

CREATE INDEX IF NOT EXISTS idx_update_events_agent_created ON update_events (agent_id, created_at DESC);
CREATE INDEX IF NOT EXISTS idx_update_events_package ON update_events (package_type, package_name);

CREATE TABLE IF NOT EXISTS current_package_state (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    agent_id UUID NOT NULL REFERENCES agents(id) ON DELETE CASCADE,
    package_type VARCHAR(50) NOT NULL,
    package_name TEXT NOT NULL,
    current_version TEXT,
    available_version TEXT,
    severity VARCHAR(20) NOT NULL CHECK (severity IN ('critical', 'important', 'moderate', 'low')),
    repository_source TEXT,
    metadata JSONB DEFAULT '{}',
    status VARCHAR(20) NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'approved', 'installing', 'updated', 'failed', 'ignored')),
    last_discovered_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    last_updated_at TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT NOW(),
    UNIQUE (agent_id, package_type, package_name)
);

CREATE INDEX IF NOT EXISTS idx_current_package_state_status ON current_package_state (status);
CREATE INDEX IF NOT EXISTS idx_current_package_state_severity ON current_package_state (severity);
