-- Which rows had been on is not known any more: all are, as they were made.
UPDATE agent_subsystems SET enabled = TRUE, updated_at = NOW() WHERE deprecated;
ALTER TABLE agent_subsystems DROP COLUMN IF EXISTS deprecated;
