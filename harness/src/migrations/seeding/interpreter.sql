-- Runs the steps of one plan (see script.rs), each table's rows at once if PostgreSQL takes them,
-- else row by row, each row by its alternatives in turn. The answer is left in a setting that ends
-- with the transaction: how each step went.
DECLARE
  plan CONSTANT jsonb := {plan};
  keys jsonb := {keys};
  step jsonb;
  candidate jsonb;
  alternative text;
  parent record;
  made jsonb;
  found jsonb;
  refusals jsonb;
  taken int;
  inserted int;
  newborn jsonb;
  census jsonb;
  results jsonb[] := '{}';
  code text; message text; named text; detail text; context text;
BEGIN
  FOR step IN SELECT * FROM jsonb_array_elements(plan) LOOP
    FOR parent IN SELECT * FROM jsonb_each(step->'parents') LOOP
      IF coalesce(jsonb_array_length(keys->parent.key), 0) < (step->>'wanted')::int
         AND NOT coalesce((keys->('whole ' || parent.key))::boolean, false) THEN
        EXECUTE parent.value->>0 INTO found;
        found := coalesce(keys->parent.key, '[]') || coalesce(found, '[]');
        keys := keys || jsonb_build_object('whole ' || parent.key, true);
        IF found <> '[]' THEN
          keys := keys || jsonb_build_object(parent.key, found);
        END IF;
      END IF;
    END LOOP;

    made := NULL; taken := 0; refusals := '[]'; found := '[]'; newborn := '[]';
    BEGIN
      EXECUTE step->>'all' INTO made USING keys;
      SET CONSTRAINTS ALL IMMEDIATE;
      SET CONSTRAINTS ALL DEFERRED;
      taken := coalesce((made->>'count')::int, 0);
      found := coalesce(nullif(made->'keys', 'null'), '[]');
      newborn := coalesce(nullif(made->'rows', 'null'), '[]');
    EXCEPTION WHEN OTHERS THEN
      taken := 0;
    END;

    IF taken = 0 THEN
      IF NOT step ? 'rows' THEN
        RAISE EXCEPTION 'a step has no alternatives' USING ERRCODE = 'HN001';
      END IF;
      FOR candidate IN SELECT * FROM jsonb_array_elements(step->'rows') LOOP
        FOR alternative IN SELECT * FROM jsonb_array_elements_text(candidate) LOOP
          BEGIN
            IF alternative LIKE '--%' THEN
              EXECUTE alternative USING keys;
              GET DIAGNOSTICS inserted = ROW_COUNT;
              made := jsonb_build_object('count', inserted);
            ELSE
              EXECUTE alternative INTO made USING keys;
            END IF;
            SET CONSTRAINTS ALL IMMEDIATE;
            SET CONSTRAINTS ALL DEFERRED;
            IF (made->>'count')::int > 0 THEN
              taken := taken + (made->>'count')::int;
              found := found || coalesce(nullif(made->'keys', 'null'), '[]');
              newborn := newborn || coalesce(nullif(made->'rows', 'null'), '[]');
              EXIT;
            END IF;
            refusals := refusals || jsonb_build_object(
              'sqlstate', '', 'message', 'the row was left out without a word');
          EXCEPTION WHEN OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
              named = CONSTRAINT_NAME, detail = PG_EXCEPTION_DETAIL, context = PG_EXCEPTION_CONTEXT;
            refusals := refusals || jsonb_build_object(
              'sqlstate', code, 'message', message, 'constraint', named, 'detail', detail,
              'context', left(context, 500));
          END;
        END LOOP;
        EXIT WHEN taken >= (step->>'enough')::int;
      END LOOP;
    END IF;

    IF found <> '[]' THEN
      FOR parent IN SELECT value AS key FROM jsonb_array_elements_text(step->'registers') LOOP
        keys := keys || jsonb_build_object(
          parent.key, found || coalesce(keys->parent.key, '[]'));
      END LOOP;
    END IF;
    census := '[0, 0]';
    IF taken = 0 THEN
      EXECUTE step->>'census' INTO census;
    END IF;
    -- An array grows in place; a document would be copied each time.
    results := array_append(results, jsonb_build_object(
      'table', (step->>'table')::bigint, 'taken', taken, 'refusals', refusals,
      'rows', census->0, 'born', census->1, 'made', newborn));
  END LOOP;
  PERFORM set_config('harness.seeding', to_jsonb(results)::text, true);
END
