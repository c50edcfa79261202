SELECT 'sqlx passes over a name without an underscore';
