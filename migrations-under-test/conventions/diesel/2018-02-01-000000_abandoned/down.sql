SELECT 'without an up.sql beside it';
