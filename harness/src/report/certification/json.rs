//! The certification as JSON.

use crate::migrations::certify::Certification;

/// The certification as JSON, for people's eyes too.
pub fn render(certification: &Certification) -> String {
    serde_json::to_string_pretty(certification).expect("a certification is plain data") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::certification::sample;

    #[test]
    fn what_is_written_is_read_back() {
        let certification = sample::red();
        let read: Certification = serde_json::from_str(&render(&certification)).unwrap();
        assert_eq!(read, certification);
    }
}
