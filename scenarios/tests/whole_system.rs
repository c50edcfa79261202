//! Every scenario, as trials that nextest lists and runs.

use libtest_mimic::Arguments;
use scenarios::{event_buffering, quick_plan, toxiproxy_client, trials};

fn main() {
    let scenarios = [
        quick_plan::REPAIRED_SYSTEM_PASSES,
        event_buffering::LOST_EVENTS_ARE_NAMED,
        toxiproxy_client::USUAL_CLIENT_DRIVES_THE_LINKS,
    ];
    libtest_mimic::run(&Arguments::from_args(), trials(&scenarios)).exit();
}
