//! Every scenario, as trials that nextest lists and runs.

use libtest_mimic::Arguments;
use scenarios::{ALL, trials};

fn main() {
    libtest_mimic::run(&Arguments::from_args(), trials(ALL)).exit();
}
