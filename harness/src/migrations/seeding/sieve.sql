-- Keeps of each problem's candidates those that its conditions hold for (see sieve.rs). A condition
-- gets the candidates as $1 and answers with the places, from 1, of those that pass; one that fails
-- is asked again for each candidate alone, since a single one may have broken it.
DECLARE
  problems CONSTANT jsonb := {problems};
  problem jsonb;
  condition jsonb;
  candidates jsonb;
  passed jsonb;
  failing jsonb;
  dropped jsonb;
  alone jsonb;
  one jsonb;
  results jsonb := '[]';
BEGIN
  FOR problem IN SELECT * FROM jsonb_array_elements(problems) LOOP
    candidates := problem->'candidates';
    dropped := '[]';
    FOR condition IN SELECT * FROM jsonb_array_elements(problem->'conditions') LOOP
      BEGIN
        EXECUTE condition->>'sql' INTO passed USING candidates;
        passed := coalesce(passed, '[]');
      EXCEPTION WHEN OTHERS THEN
        passed := '[]';
        FOR one IN SELECT * FROM jsonb_array_elements(candidates) LOOP
          BEGIN
            EXECUTE condition->>'sql' INTO alone USING jsonb_build_array(one);
            passed := passed || coalesce(alone, '[]');
          EXCEPTION WHEN OTHERS THEN
            NULL;
          END;
        END LOOP;
      END;
      IF (condition->>'required')::boolean THEN
        candidates := passed;
        CONTINUE;
      END IF;
      failing := '[]';
      IF passed <> '[]' THEN
        SELECT coalesce(jsonb_agg(value), '[]') INTO failing FROM (
          SELECT * FROM jsonb_array_elements(candidates)
          EXCEPT SELECT * FROM jsonb_array_elements(passed) ORDER BY 1 LIMIT 3) AS picked;
        candidates := passed;
      END IF;
      dropped := dropped || jsonb_build_array(failing);
    END LOOP;
    results := results || jsonb_build_object('passed', candidates, 'failing', dropped);
  END LOOP;
  PERFORM set_config('harness.seeding', results::text, true);
END
