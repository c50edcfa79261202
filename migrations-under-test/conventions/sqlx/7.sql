SELECT 'and over this one, which looks like a migration';
