//! One line on standard error that says where a replay is, on a terminal only.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::migrations::replay::Stage;
use crate::report::text::on_one_line;

/// The line.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// Shows it, for this many steps of all stages.
    pub fn show(steps: usize) -> Self {
        let bar = ProgressBar::new(steps as u64);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{elapsed:>4} {bar:30} {percent:>3} % {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    /// Moves on.
    pub fn step(&self, stage: Stage, version: &str) {
        self.0.inc(1);
        self.0.set_message(format!("{}: {}", words(stage), on_one_line(version)));
    }

    /// Removes it.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

fn words(stage: Stage) -> &'static str {
    match stage {
        Stage::Fresh => "on an empty database",
        Stage::Trial => "twice, down and up again",
        Stage::WalkDown => "down from the head",
        Stage::Upgrade => "with data",
        Stage::SinglePath => "with data of one version",
    }
}
