DROP TABLE IF EXISTS scanner_config;
