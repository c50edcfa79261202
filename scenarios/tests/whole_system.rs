//! Every scenario, as trials that nextest lists and runs.

use libtest_mimic::Arguments;
use scenarios::{
    agent_tokens, event_batches, event_buffering, kill_storm, migration_at_start, quick_plan,
    termination, toxiproxy_client, trials,
};

fn main() {
    let scenarios = [
        quick_plan::REPAIRED_SYSTEM_PASSES,
        event_buffering::LOST_EVENTS_ARE_NAMED,
        kill_storm::NOTHING_IS_LOST,
        termination::BACKLOG_SURVIVES_TERMINATION,
        migration_at_start::READY_ONLY_WITH_ALL_MIGRATIONS,
        migration_at_start::FAILED_MIGRATION_ENDS_THE_SERVER,
        migration_at_start::MENDED_MIGRATION_IS_APPLIED,
        event_batches::EACH_EVENT_IS_ANSWERED,
        event_batches::STRANGERS_AND_NONSENSE_ARE_REFUSED,
        agent_tokens::REFRESH_TOKENS_ARE_GOOD_ONCE,
        agent_tokens::MACHINES_BELONG_TO_THEIR_AGENTS,
        toxiproxy_client::USUAL_CLIENT_DRIVES_THE_LINKS,
    ];
    libtest_mimic::run(&Arguments::from_args(), trials(&scenarios)).exit();
}
