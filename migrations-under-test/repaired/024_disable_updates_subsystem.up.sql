-- Puts the combined updates subsystem out of use.
--
-- Each package manager has a subsystem of its own now. The rows stay, marked, so that an agent which
-- still asks for the old one gets an answer. The runner alone writes to its own table.

ALTER TABLE agent_subsystems ADD COLUMN IF NOT EXISTS deprecated BOOLEAN NOT NULL DEFAULT FALSE;

UPDATE agent_subsystems
SET enabled = FALSE, auto_run = FALSE, deprecated = TRUE, next_run_at = NULL, updated_at = NOW()
WHERE subsystem = 'updates' AND NOT deprecated;
