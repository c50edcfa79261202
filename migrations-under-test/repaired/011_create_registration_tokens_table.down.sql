DROP TABLE IF EXISTS registration_tokens;
