-- The first tables: agents, their hardware, the updates found on them, and the commands sent to them.

CREATE TABLE IF NOT EXISTS agents (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    hostname VARCHAR(255) NOT NULL,
    os_type VARCHAR(50) NOT NULL CHECK (os_type IN ('windows', 'linux', 'macos')),
    os_version VARCHAR(100),
    os_architecture VARCHAR(20),
    agent_version VARCHAR(20) NOT NULL,
    last_seen TIMESTAMP NOT NULL DEFAULT NOW(),
    status VARCHAR(20) DEFAULT 'online' CHECK (status IN ('online', 'offline', 'error')),
    metadata JSONB,
    created_at TIMESTAMP DEFAULT NOW(),
    updated_at TIMESTAMP DEFAULT NOW()
);

CREATE INDEX IF NOT EXISTS idx_agents_status ON agents (status);
CREATE INDEX IF NOT EXISTS idx_agents_last_seen ON agents (last_seen);

CREATE TABLE IF NOT EXISTS agent_specs (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    agent_id UUID REFERENCES agents(id) ON DELETE CASCADE,
    cpu_model VARCHAR(255),
    cpu_cores INTEGER,
    memory_total_mb INTEGER,
    disk_total_gb INTEGER,
    disk_free_gb INTEGER,
    process_count INTEGER,
    uptime_seconds BIGINT,
    metadata JSONB,
    collected_at TIMESTAMP DEFAULT NOW()
);

CREATE INDEX IF NOT EXISTS idx_agent_specs_agent_id ON agent_specs (agent_id);

CREATE TABLE IF NOT EXISTS update_packages (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    agent_id UUID REFERENCES agents(id) ON DELETE CASCADE,
    package_type VARCHAR(50) NOT NULL,
    package_name VARCHAR(500) NOT NULL,
    package_description TEXT,
    current_version VARCHAR(100),
    available_version VARCHAR(100) NOT NULL,
    severity VARCHAR(20) CHECK (severity IN ('critical', 'important', 'moderate', 'low')),
    cve_list TEXT[],
    kb_id VARCHAR(50),
    repository_source VARCHAR(255),
    size_bytes BIGINT,
    status VARCHAR(30) DEFAULT 'pending'
        CHECK (status IN ('pending', 'approved', 'scheduled', 'installing', 'installed', 'failed', 'ignored')),
    discovered_at TIMESTAMP DEFAULT NOW(),
    approved_by VARCHAR(255),
    approved_at TIMESTAMP,
    scheduled_for TIMESTAMP,
    installed_at TIMESTAMP,
    error_message TEXT,
    metadata JSONB,
    UNIQUE (agent_id, package_type, package_name, available_version)
);

CREATE INDEX IF NOT EXISTS idx_update_packages_status ON update_packages (status);
CREATE INDEX IF NOT EXISTS idx_update_packages_severity ON update_packages (severity);

CREATE TABLE IF NOT EXISTS update_logs (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    agent_id UUID REFERENCES agents(id) ON DELETE CASCADE,
    update_package_id UUID REFERENCES update_packages(id) ON DELETE SET NULL,
    action VARCHAR(50) NOT NULL,
    result VARCHAR(20) NOT NULL CHECK (result IN ('success', 'failed', 'partial')),
    stdout TEXT,
    stderr TEXT,
    exit_code INTEGER,
    duration_seconds INTEGER,
    executed_at TIMESTAMP DEFAULT NOW()
);

CREATE INDEX IF NOT EXISTS idx_update_logs_agent_id ON update_logs (agent_id);
CREATE INDEX IF NOT EXISTS idx_update_logs_result ON update_logs (result);

CREATE TABLE IF NOT EXISTS agent_commands (
    id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
    agent_id UUID REFERENCES agents(id) ON DELETE CASCADE,
    command_type VARCHAR(50) NOT NULL,
    params JSONB,
    status VARCHAR(20) DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'completed', 'failed')),
    created_at TIMESTAMP DEFAULT NOW(),
    sent_at TIMESTAMP,
    completed_at TIMESTAMP,
    result JSONB
);

CREATE INDEX IF NOT EXISTS idx_agent_commands_agent_status ON agent_commands (agent_id, status);
