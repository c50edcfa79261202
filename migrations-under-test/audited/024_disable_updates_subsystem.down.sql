UPDATE agent_subsystems
SET enabled = true, deprecated = false, updated_at = NOW()
WHERE subsystem = 'updates';
