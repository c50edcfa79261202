DROP TABLE IF EXISTS current_package_state;
DROP TABLE IF EXISTS update_events;
