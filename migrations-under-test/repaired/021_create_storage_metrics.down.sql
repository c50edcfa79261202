DROP TABLE IF EXISTS storage_metrics;
