ALTER TABLE signing_keys
    DROP COLUMN IF EXISTS endorsement,
    DROP COLUMN IF EXISTS endorsed_by;
