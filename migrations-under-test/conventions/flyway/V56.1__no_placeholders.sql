COMMENT ON TABLE area.people IS '${this stays as it is}';
