//! Scenarios: named tests of the whole, on real parts. Each is a trial on each backend, named
//! `embedded::…` or `containers::…`, or `browser::…` where Chromium looks at the pages, so that a
//! profile can choose by name and listing them starts nothing.

pub mod access;
pub mod administration;
pub mod agent_facts;
pub mod agent_rows;
pub mod agent_tokens;
pub mod audit_log;
pub mod back_pressure;
pub mod bad_input;
pub mod both_ways;
pub mod browser;
pub mod calls;
pub mod certification;
pub mod command_calls;
pub mod container_limits;
pub mod database;
pub mod database_trouble;
pub mod event_batches;
pub mod event_buffering;
pub mod event_rules;
pub mod expect;
pub mod growth;
pub mod hardware;
pub mod history_reads;
pub mod installation;
pub mod kill_storm;
pub mod ledger;
pub mod lineage;
pub mod logs;
pub mod made_small;
pub mod meddler;
pub mod migration_at_start;
pub mod online_partitioning;
pub mod pages;
pub mod planted_migrations;
pub mod positions;
pub mod priority;
pub mod propagation;
pub mod query_growth;
pub mod query_probe;
pub mod quick_plan;
pub mod rate_limits;
pub mod retention;
pub mod retries;
pub mod rsyslog;
pub mod server_calls;
pub mod side_by_side;
pub mod signing;
pub mod slow_disk;
pub mod slow_reader;
pub mod system_run;
pub mod termination;
pub mod toxiproxy_client;
pub mod virtual_time;
pub mod volume;
pub mod workers;

use harness::environment::BackendKind;
use libtest_mimic::{Failed, Trial};

/// A named test of the whole.
pub struct Scenario {
    /// What it shows.
    pub name: &'static str,
    /// Shows it on a backend, or says what is wrong.
    pub show: fn(BackendKind) -> Result<(), Failed>,
}

/// Scenarios on every backend: how parts are started, cut off, killed, and reached.
pub const ALL: &[Scenario] = &[
    quick_plan::REPAIRED_SYSTEM_PASSES,
    event_buffering::LOST_EVENTS_ARE_NAMED,
    kill_storm::NOTHING_IS_LOST,
    termination::BACKLOG_SURVIVES_TERMINATION,
    migration_at_start::READY_ONLY_WITH_ALL_MIGRATIONS,
    migration_at_start::FAILED_MIGRATION_ENDS_THE_SERVER,
    migration_at_start::MENDED_MIGRATION_IS_APPLIED,
    event_batches::EACH_EVENT_IS_ANSWERED,
    event_batches::AN_ID_IS_ONE_EVENT,
    event_batches::STRANGERS_AND_NONSENSE_ARE_REFUSED,
    agent_tokens::REFRESH_TOKENS_ARE_GOOD_ONCE,
    agent_tokens::MACHINES_BELONG_TO_THEIR_AGENTS,
    toxiproxy_client::USUAL_CLIENT_DRIVES_THE_LINKS,
];

/// Scenarios of what the server answers. No backend changes that, so each is shown on one.
pub const ANSWERS: &[Scenario] = &[
    event_rules::WORDS_ARE_OF_THE_TAXONOMY,
    event_rules::DETAILS_ARE_DEMANDED,
    event_rules::STREAMS_ARE_LIVE,
    query_growth::STATISTICS,
    query_growth::AGENT_LIST,
    query_growth::BULK_APPROVAL,
    query_growth::STUCK_COMMANDS,
    query_growth::RECENT_COMMANDS,
    access::TOKENS_WORK_IN_THEIR_OWN_PLACE,
    access::DELETED_AGENTS_ARE_GONE,
    access::TOKENS_WORK_ON_THEIR_OWN_MACHINE,
    access::AUDIT_LOG_IS_FOR_AUDITORS,
    access::HISTORY_OUTLIVES_ITS_AGENT,
    rate_limits::PATHS_OPEN_NO_BUCKET,
    rate_limits::HEADERS_OPEN_NO_BUCKET,
    rate_limits::CHECK_INS_ARE_LIMITED,
    rate_limits::CLASSES_ARE_APART,
    rate_limits::LIMITS_ARE_EXACT,
    agent_tokens::DEAD_TOKENS_ARE_REMOVED,
    side_by_side::A_TOKEN_IS_RENEWED_ONCE,
    priority::URGENT_EVENTS_GO_FIRST,
    logs::NO_SECRET_OF_THE_TOKENS,
    logs::NO_SECRET_OF_CALLERS,
    logs::NO_LINE_OF_CALLERS,
    logs::NO_SIZE_OF_CALLERS,
    signing::KEYS_ARE_REPLACED,
    hardware::NEW_HARDWARE_IS_APPROVED,
    bad_input::EVERY_CALL_REFUSES_BAD_INPUT,
    access::OUTAGES_ARE_NO_WRONG_PASSWORDS,
    logs::NO_FLOOD_OF_REFUSALS,
    pages::HISTORY_IS_SHOWN,
    command_calls::QUICK_CLICKS_ARE_ONE_COMMAND,
    command_calls::COMMANDS_ARE_CANCELLED_AND_RETRIED,
    command_calls::LOGS_ARE_FOUND_AMONG_LOGS,
    agent_facts::FACTS_ARE_KNOWN,
    administration::TOKENS_AND_LIMITS_ARE_ADMINISTERED,
    termination::REQUESTS_IN_FLIGHT_ARE_ANSWERED,
    volume::VOLUME_LOSES_NOTHING,
    positions::READERS_PASS_NO_EARLIER_EVENT,
    history_reads::EVERY_FILTER_FOLLOWS_AN_INDEX,
    slow_reader::SLOW_READERS_ARE_CUT,
    retention::MONTHS_ARE_DROPPED_WHOLE,
    retention::EARLY_EVENTS_MOVE,
    online_partitioning::EVENTS_ARE_PARTITIONED_ONLINE,
];

/// Scenarios that need the parts' own files, and so parts that are local processes.
pub const EMBEDDED: &[Scenario] = &[
    back_pressure::THE_SERVER_REFUSES_BEFORE_IT_GROWS,
    database_trouble::HEALTH_ANSWERS_BESIDE_A_SILENT_DATABASE,
    database_trouble::THE_SERVER_WAITS_FOR_A_CONNECTION,
    slow_disk::NOTHING_IS_LOST,
    certification::EVERY_START_COMPLETES_THE_SCHEMA,
    certification::NO_FAILURE_IS_SERVED,
    certification::ODD_SURROUNDINGS_ARE_TOLD,
    certification::INTERRUPTED_MIGRATIONS_CONVERGE,
    certification::A_RELEASE_CAN_BE_TAKEN_BACK,
    certification::FALSE_RECORDS_ARE_FOUND,
    certification::SERVING_AN_INCOMPLETE_SCHEMA_IS_FOUND,
    certification::MIGRATING_WITHOUT_BACKUP_IS_FOUND,
    certification::HEALTH_THAT_LIES_IS_FOUND,
    signing::COMMANDS_ARE_CARRIED_OUT_AS_SIGNED,
    signing::NO_KEY_LIES_IN_THE_CLEAR,
    signing::PROGRAMS_ARE_SIGNED,
    propagation::matrix::EVERY_EVENT_ARRIVES,
    propagation::matrix::AUDITED_EVENTS_ARE_LOST,
    propagation::matrix::ODD_POINTS_ARE_MISSED,
    propagation::matrix::EVEN_POINTS_ARE_MISSED,
    propagation::matrix::NOTHING_ENDS_ON_STANDARD_OUTPUT,
    agent_rows::DURATIONS_ARE_MILLISECONDS,
    agent_rows::PANICS_ARE_CAUGHT,
    agent_rows::CONFIGURATIONS_ARE_MIGRATED,
    agent_rows::BREAKERS_HEAL,
    agent_rows::BREAKERS_ARE_VISIBLE,
    agent_rows::FAILED_UPDATES_LEAVE_THE_AGENT,
    growth::EXPONENTS_TELL_WHAT_GROWS,
    audit_log::OTHERS_CANNOT_READ,
    audit_log::LIMITS_ARE_APPLIED,
    audit_log::FULL_DISKS_LOSE_NOTHING,
    audit_log::REFUSALS_LOSE_NOTHING,
    retries::REFUSED_AGENTS_WAIT,
    rsyslog::PLAIN_TCP_LOSES,
    rsyslog::RELP_HOLDS,
    virtual_time::TWO_SCHEDULES_AGREE,
    made_small::SMALL_IN_VIRTUAL_TIME,
];

/// Scenarios of what only containers have.
pub const CONTAINERS: &[Scenario] =
    &[container_limits::FAULTS_LIMIT_UNTIL_THEY_HEAL, container_limits::NOTHING_IS_LOST];

/// Scenarios that take too long for a pull request.
pub const NIGHTLY: &[Scenario] = &[
    virtual_time::A_HUNDRED_SCHEDULES_AGREE,
    made_small::TEN_FAILURES_ARE_SMALL,
    online_partitioning::A_MILLION_EVENTS_ARE_PARTITIONED_ONLINE,
];

/// Scenarios of what a browser makes of the pages. They need Chromium.
pub const BROWSER: &[Scenario] = &[
    browser::EVENTS_ARE_SHOWN,
    browser::TEXT_STAYS_TEXT,
    browser::PAGES_FIT,
    browser::reports::LARGE_RUNS_STAY_USABLE,
    browser::reports::FINDINGS_HAVE_ADDRESSES,
    propagation::shown::EVERY_POINT_IS_SHOWN,
];

/// Every scenario as a trial on each backend that it can be shown on.
pub fn trials() -> Vec<Trial> {
    let on = |scenario: &Scenario, group: &str, backend: BackendKind| {
        let show = scenario.show;
        Trial::test(format!("{group}::{}", scenario.name), move || show(backend))
    };
    let on_backend = |scenario, backend: BackendKind| on(scenario, backend.name(), backend);
    let embedded = [ALL, ANSWERS, EMBEDDED].into_iter().flatten();
    let embedded = embedded.map(|one| on_backend(one, BackendKind::Embedded));
    let containers = [ALL, CONTAINERS].into_iter().flatten();
    let containers = containers.map(|one| on_backend(one, BackendKind::Containers));
    let browser = BROWSER.iter().map(|one| on(one, "browser", BackendKind::Embedded));
    let nightly = NIGHTLY.iter().map(|one| on(one, "nightly", BackendKind::Embedded));
    embedded.chain(containers).chain(browser).chain(nightly).collect()
}
