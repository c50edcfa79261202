//! Takes secrets out of a certification before anybody reads it.

use serde_json::Value;

use crate::migrations::certify::Certification;
use crate::report::Redactor;

/// The same certification without secrets.
pub fn redacted(certification: &Certification, redactor: &Redactor) -> Certification {
    let mut value = serde_json::to_value(certification).expect("a certification is plain data");
    redact(&mut value, redactor);
    serde_json::from_value(value).expect("its texts are texts still")
}

fn redact(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::String(text) => *text = redactor.redact(text),
        Value::Array(items) => items.iter_mut().for_each(|item| redact(item, redactor)),
        Value::Object(fields) => fields.values_mut().for_each(|field| redact(field, redactor)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::certification::sample;

    #[test]
    fn no_secret_is_left_and_nothing_else_changes() {
        let mut certification = sample::red();
        let redactor = Redactor::new(["hunter2hunter2".to_owned()]);
        assert_eq!(redacted(&certification, &redactor), certification);
        certification.rows[0].seen[0].log = vec!["password hunter2hunter2".to_owned()];
        let text = format!("{:?}", redacted(&certification, &redactor));
        assert!(!text.contains("hunter2") && text.contains("[redacted]"), "{text}");
    }
}
