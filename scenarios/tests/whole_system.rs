//! Every scenario, as trials that nextest lists and runs.

use libtest_mimic::Arguments;
use scenarios::trials;

fn main() {
    libtest_mimic::run(&Arguments::from_args(), trials()).exit();
}
