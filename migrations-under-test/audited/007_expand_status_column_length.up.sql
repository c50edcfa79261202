-- Room for longer status names.

ALTER TABLE agent_commands ALTER COLUMN status TYPE VARCHAR(30);
ALTER TABLE current_package_state ALTER COLUMN status TYPE VARCHAR(30);
