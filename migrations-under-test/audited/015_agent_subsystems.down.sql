DROP TABLE IF EXISTS agent_subsystems;
