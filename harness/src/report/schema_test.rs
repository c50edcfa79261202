//! Holds real output against the schemas that describe it.

use std::path::Path;

use serde_json::Value;

/// What of a value the schema of that name does not allow; only the keywords that our schemas use.
pub fn violations(name: &str, value: &Value) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(name);
    let text = std::fs::read_to_string(path).expect("the schema is there");
    let schema = serde_json::from_str(&text).expect("the schema is JSON");
    let mut violations = Vec::new();
    check("$", value, &schema, &mut violations);
    violations
}

fn check(place: &str, value: &Value, schema: &Value, violations: &mut Vec<String>) {
    if let Some(known) = schema["enum"].as_array()
        && !known.contains(value)
    {
        violations.push(format!("{place}: {value} is none of {known:?}"));
    }
    if !schema["type"].is_null() && !has_type(value, &schema["type"]) {
        violations.push(format!("{place}: {value} is no {}", schema["type"]));
    }
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                check(&format!("{place}[{index}]"), item, &schema["items"], violations);
            }
        }
        Value::Object(_) => check_object(place, value, schema, violations),
        _ => {}
    }
}

fn check_object(place: &str, value: &Value, schema: &Value, violations: &mut Vec<String>) {
    for required in schema["required"].as_array().into_iter().flatten() {
        if value[required.as_str().expect("a name")].is_null()
            && !value.as_object().expect("an object").contains_key(required.as_str().unwrap())
        {
            violations.push(format!("{place} lacks {required}"));
        }
    }
    for (key, inner) in value.as_object().expect("an object") {
        let place = format!("{place}.{key}");
        match (&schema["properties"][key], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => violations.push(format!("{place} is unknown")),
            (Value::Null, additional) => check(&place, inner, additional, violations),
            (known, _) => check(&place, inner, known, violations),
        }
    }
}

fn has_type(value: &Value, kind: &Value) -> bool {
    match kind {
        Value::Array(kinds) => kinds.iter().any(|kind| has_type(value, kind)),
        Value::String(kind) => match kind.as_str() {
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "null" => value.is_null(),
            _ => false,
        },
        _ => false,
    }
}
