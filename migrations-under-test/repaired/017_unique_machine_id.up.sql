-- One machine, one agent.

-- Nothing kept machines apart before. Of agents that share one, that which was seen last keeps it.
UPDATE agents SET machine_id = NULL
WHERE id IN (
    SELECT id
    FROM (
        SELECT id, row_number() OVER (PARTITION BY machine_id ORDER BY last_seen DESC, id) AS place
        FROM agents
        WHERE machine_id IS NOT NULL
    ) AS ranked
    WHERE place > 1
);

CREATE UNIQUE INDEX IF NOT EXISTS idx_agents_machine_id ON agents (machine_id);
