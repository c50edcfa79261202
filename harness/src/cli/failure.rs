//! A command that ended before it had a result.

use std::fmt::Display;

use crate::exit_code::Exit;
use crate::report::Redactor;
use crate::report::text::neutralise;

/// A command that ended before it had a result.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// The command line, a file or a setting cannot be used.
    pub fn usage(error: impl Display) -> Self {
        Self { exit: Exit::Usage, message: error.to_string() }
    }

    /// The environment could not be started or kept.
    pub fn environment(error: impl Display) -> Self {
        Self { exit: Exit::Environment, message: error.to_string() }
    }

    /// Somebody asked for an end.
    pub fn interrupted() -> Self {
        Self { exit: Exit::Interrupted, message: "interrupted".to_owned() }
    }

    /// The same failure, with what went wrong besides.
    pub fn and_also(mut self, other: Option<&String>) -> Self {
        if let Some(other) = other {
            self.message = format!("{}\n  {other}", self.message);
        }
        self
    }

    /// The same failure; what it quotes of other programs holds no secret of the run.
    pub fn without_secrets(self, redactor: &Redactor) -> Self {
        Self { message: redactor.redact(&self.message), ..self }
    }

    /// Says on standard error what is wrong; the exit code for it.
    pub fn tell(&self) -> Exit {
        anstream::eprintln!("error: {}", neutralise(&self.message));
        self.exit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_no_secret() {
        let redactor = Redactor::new(["hunter2hunter2".to_owned()]);
        let failure = Failure::environment("refused: hunter2hunter2").without_secrets(&redactor);
        assert_eq!(failure.message, "refused: [redacted]");
    }
}
