DROP TABLE IF EXISTS machine_rebind_requests;
