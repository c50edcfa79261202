-- Puts the combined updates subsystem out of use.
--
-- Each package manager has a subsystem of its own now. The rows of the
-- old one stay, so that an agent which still asks for it is told that
-- it is out of use, and what to ask for instead, where it would else
-- get no answer.

-- Switch it off wherever it is on.
UPDATE agent_subsystems
SET enabled = false, auto_run = false, deprecated = true, updated_at = NOW()
WHERE subsystem = 'updates';

-- Nothing is scheduled for it any more.
UPDATE agent_subsystems SET next_run_at = NULL
WHERE subsystem = 'updates';

-- Done.
INSERT INTO schema_migrations (version) VALUES
('024_disable_updates_subsystem.up.sql');
