//! One line on standard error that says where a replay is, on a terminal only.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::migrations::replay::Stage;
use crate::report::text::on_one_line;

/// The line.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// Shows it, for this many migrations a stage.
    pub fn show(migrations: usize) -> Self {
        let bar = ProgressBar::new(migrations as u64);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template("{elapsed:>4} {bar:30} {pos}/{len} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self(bar)
    }

    /// Moves on.
    pub fn step(&self, stage: Stage, index: usize, version: &str) {
        self.0.set_position(index as u64);
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
        Stage::WalkDown => "down from the head",
        Stage::Upgrade => "with data",
        Stage::SinglePath => "with data of one version",
    }
}
