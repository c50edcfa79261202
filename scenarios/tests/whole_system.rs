//! Every scenario, as trials that nextest lists and runs.

use libtest_mimic::Arguments;
use scenarios::{
    access, agent_tokens, event_batches, event_buffering, kill_storm, logs, migration_at_start,
    query_growth, quick_plan, rate_limits, termination, toxiproxy_client, trials,
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
        query_growth::STATISTICS,
        query_growth::AGENT_LIST,
        query_growth::BULK_APPROVAL,
        query_growth::STUCK_COMMANDS,
        access::TOKENS_WORK_IN_THEIR_OWN_PLACE,
        access::DELETED_AGENTS_ARE_GONE,
        access::TOKENS_WORK_ON_THEIR_OWN_MACHINE,
        access::AUDIT_LOG_IS_FOR_AUDITORS,
        access::HISTORY_OUTLIVES_ITS_AGENT,
        rate_limits::PATHS_OPEN_NO_BUCKET,
        rate_limits::HEADERS_OPEN_NO_BUCKET,
        rate_limits::CHECK_INS_ARE_LIMITED,
        rate_limits::CLASSES_ARE_APART,
        logs::NO_SECRET_OF_THE_TOKENS,
        logs::NO_SECRET_OF_CALLERS,
        logs::NO_LINE_OF_CALLERS,
        logs::NO_SIZE_OF_CALLERS,
        toxiproxy_client::USUAL_CLIENT_DRIVES_THE_LINKS,
    ];
    libtest_mimic::run(&Arguments::from_args(), trials(&scenarios)).exit();
}
