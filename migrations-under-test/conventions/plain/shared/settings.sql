SET client_min_messages = warning;
SET lock_timeout = '5s';
