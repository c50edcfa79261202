DROP TABLE IF EXISTS agent_commands;
DROP TABLE IF EXISTS update_logs;
DROP TABLE IF EXISTS update_packages;
DROP TABLE IF EXISTS agent_specs;
DROP TABLE IF EXISTS agents;
