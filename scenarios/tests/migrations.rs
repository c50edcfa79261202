//! The audited faults of the migrations, each a trial of its own.

use libtest_mimic::Arguments;
use scenarios::planted_migrations;

fn main() {
    libtest_mimic::run(&Arguments::from_args(), planted_migrations::trials()).exit();
}
