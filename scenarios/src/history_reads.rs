//! Reading a long history: whatever is asked for is found along an index, without reading the rest.

use libtest_mimic::Failed;
use serde_json::Value;
use sqlx::raw_sql;

use crate::query_probe::{Effort, QueryProbe};
use crate::server_calls::Server;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// No filter makes PostgreSQL read the whole history.
pub const EVERY_FILTER_FOLLOWS_AN_INDEX: Scenario = Scenario {
    name: "every_filter_of_the_history_follows_an_index",
    show: |backend| judge(ReferenceSystem::new(backend)?),
};

/// More than any of the questions below lets through, and much less than there are.
const FEW_ROWS: u64 = 1_000;
/// What is smaller is rightly read whole.
const SMALL_TABLE: u64 = 50;
/// An agent of the planted history: the one of its every hundredth event.
const AGENT: &str = "8f14e45f-ceea-167a-5a36-dedd4bea2543";

/// What is asked, and how many events of the planted history answer it.
const QUESTIONS: &[(&str, usize)] = &[
    ("limit=50", 50),
    ("limit=50&cursor=25000", 50),
    ("limit=50&event_type=agent_scan", 50),
    ("limit=50&event_subtype=failed", 30),
    ("limit=50&severity=critical", 30),
    ("limit=50&component=security&cursor=100", 30),
    ("limit=50&event_type=agent_scan&severity=critical", 30),
    ("limit=50&severity=critical&component=agent", 0),
    ("limit=50&from=2026-01-01T08:00:00Z&to=2026-01-01T08:00:20Z", 20),
    ("limit=50&q=openssl", 30),
    ("limit=50&q=openssl&severity=info", 0),
    ("limit=50&q=nowhere", 0),
    ("limit=50&q=finished", 50),
];

fn judge(reference: ReferenceSystem) -> Result<(), Failed> {
    let reference = reference.without_agents();
    reference.observe(async |environment| {
        let probe = QueryProbe::attach(&reference, environment).await?;
        let server = Server::of(environment)?;
        // What is rare comes last, where a reader who begins at the first event meets it last.
        let mut connection = probe.connect().await?;
        raw_sql(
            "INSERT INTO system_events (id, agent_id, event_type, event_subtype, severity, \
                 component, message, metadata, created_at) \
             SELECT gen_random_uuid(), md5((number % 100)::text)::uuid, 'agent_scan', \
                 CASE WHEN number > 29970 THEN 'failed' ELSE 'success' END, \
                 CASE WHEN number > 29970 THEN 'critical' ELSE 'info' END, \
                 CASE WHEN number > 29970 THEN 'security' ELSE 'agent' END, \
                 CASE WHEN number > 29970 THEN 'updated openssl' \
                     WHEN number % 50 = 7 THEN 'updated kernel' \
                     WHEN number BETWEEN 29301 AND 29900 THEN 'updated late' \
                     ELSE 'scan finished' END, '{}', \
                 '2026-01-01T00:00:00Z'::timestamptz + number * interval '1 second' \
             FROM generate_series(1, 30000) AS number ORDER BY number",
        )
        .execute(&mut connection)
        .await?;
        raw_sql("VACUUM ANALYZE system_events").execute(&mut connection).await?;
        let agent = format!("limit=50&agent_id={AGENT}&severity=info");
        for (question, events) in QUESTIONS.iter().copied().chain([(agent.as_str(), 50)]) {
            let effort = probe.effort(async || ask(&server, question, events).await).await?;
            few(question, effort)?;
        }
        // Some lie evenly, others all at the end.
        page_after_page(&server, "limit=50&q=kernel", 600).await?;
        page_after_page(&server, "limit=50&q=late", 588).await
    })
}

async fn ask(server: &Server<'_>, question: &str, expected: usize) -> Result<(), Failed> {
    let page = server.ask(&format!("/events?{question}")).await?;
    let events = page["events"].as_array().map_or(0, Vec::len);
    expect::equal(&format!("events for {question}"), &events, &expected)?;
    let more = page["next_cursor"] != Value::Null;
    expect::equal(&format!("more for {question}"), &more, &(expected == 50))
}

/// Page after page, every event that answers comes once, in its order.
async fn page_after_page(
    server: &Server<'_>,
    question: &str,
    expected: usize,
) -> Result<(), Failed> {
    let (mut positions, mut cursor) = (Vec::new(), "0".to_owned());
    loop {
        let page = server.ask(&format!("/events?{question}&cursor={cursor}")).await?;
        let events = page["events"].as_array().into_iter().flatten();
        positions.extend(events.filter_map(|event| event["position"].as_i64()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = next.to_owned(),
            None => break,
        }
    }
    expect::equal(&format!("events of all pages for {question}"), &positions.len(), &expected)?;
    expect::equal("their order", &positions.is_sorted_by(|one, next| one < next), &true)
}

fn few(question: &str, effort: Effort) -> Result<(), Failed> {
    match effort.scanned <= SMALL_TABLE && effort.rows <= FEW_ROWS {
        true => Ok(()),
        false => Err(format!("{question}: {effort:?}").into()),
    }
}
