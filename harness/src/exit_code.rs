//! The exit codes of the command line. When several apply, the first of 3, 2, 1, 4 wins.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is good.
    Good,
    /// Findings, or an invalid verdict, at or above the threshold.
    Findings,
    /// The command line, a file or a setting cannot be used.
    Usage,
    /// The environment could not be started or kept.
    Environment,
    /// A verdict is unknown.
    Unknown,
    /// Interrupted by Ctrl-C or SIGTERM.
    Interrupted,
}

impl Exit {
    /// The number that the process ends with.
    pub fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::Findings => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Unknown => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_as_documented() {
        let codes = [
            Exit::Good,
            Exit::Findings,
            Exit::Usage,
            Exit::Environment,
            Exit::Unknown,
            Exit::Interrupted,
        ];
        assert_eq!(codes.map(Exit::code), [0, 1, 2, 3, 4, 130]);
    }
}
