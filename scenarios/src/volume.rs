//! Many events at once: none is lost, and a page of a long history costs no more than one of a
//! short history.

use std::collections::BTreeSet;

use libtest_mimic::Failed;
use serde_json::{Value, json};
use sqlx::raw_sql;
use uuid::Uuid;

use crate::both_ways::both_ways;
use crate::query_probe::QueryProbe;
use crate::server_calls::{Agent, Server};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// Volume costs neither events nor time.
pub const VOLUME_LOSES_NOTHING: Scenario = Scenario {
    name: "many_events_are_kept_and_their_history_stays_quick",
    show: |backend| both_ways(backend, "EV-VOLUME", "rows read for a page", judge),
};

/// Events in a batch, and batches that come at once.
const BATCH: u64 = 100;
const SENDERS: usize = 4;
/// A page of the history, in events.
const PAGE: u64 = 100;

fn judge(reference: ReferenceSystem) -> Result<(), Failed> {
    let reference = reference.without_agents();
    reference.observe(async |environment| {
        let probe = QueryProbe::attach(&reference, environment).await?;
        let server = Server::of(environment)?;
        let agents = [
            server.new_agent("machine-0").await?,
            server.new_agent("machine-1").await?,
            server.new_agent("machine-2").await?,
            server.new_agent("machine-3").await?,
        ];
        nothing_is_lost(&server, &agents).await?;
        // A history of 30,000 events, longer than that of any other scenario.
        let mut connection = probe.connect().await?;
        raw_sql(
            "INSERT INTO system_events (id, event_type, event_subtype, severity, component, \
                 message, metadata, created_at) \
             SELECT gen_random_uuid(), 'agent_scan', 'info', 'info', 'agent', 'planted', '{}', \
                 now() - make_interval(secs => number) \
             FROM generate_series(1, 30000) AS number; ANALYZE system_events",
        )
        .execute(&mut connection)
        .await?;
        let effort = probe
            .effort(async || {
                let page = server.ask(&format!("/events?limit={PAGE}")).await?;
                let events = page["events"].as_array().map(Vec::len);
                expect::equal("events of a page", &events, &usize::try_from(PAGE).ok())
            })
            .await?;
        match effort.rows {
            // The server reads one event more, to know whether there is another page.
            rows if rows <= 2 * PAGE => Ok(()),
            rows => Err(format!("{rows} rows read for a page of {PAGE} events").into()),
        }
    })
}

/// What all agents send at once is in the history of each.
async fn nothing_is_lost(server: &Server<'_>, agents: &[Agent; SENDERS]) -> Result<(), Failed> {
    let send = async |agent: &Agent| {
        let mut sent = BTreeSet::new();
        for batch in 0..2 {
            let events: Vec<Value> =
                (1..=BATCH).map(|place| event(batch * BATCH + place)).collect();
            sent.extend(events.iter().map(|event| event["id"].to_string()));
            let body = json!({ "events": events }).to_string();
            let answer = server.send(&agent.id, Some(&agent.token), body).await?;
            answer.with_status("a batch", 200)?;
        }
        let stored = server.events_of(&agent.id).await?;
        let stored: BTreeSet<String> = stored.iter().map(|event| event["id"].to_string()).collect();
        expect::equal("events lost under volume", &sent.difference(&stored).count(), &0)
    };
    let [one, two, three, four] = agents;
    let (one, two, three, four) = tokio::join!(send(one), send(two), send(three), send(four));
    one.and(two).and(three).and(four)
}

fn event(seq: u64) -> Value {
    json!({
        "id": Uuid::now_v7(), "lane": "normal", "seq": seq, "event_type": "agent_scan",
        "event_subtype": "info", "severity": "info", "component": "agent",
        "message": "one of many", "metadata": {}, "created_at": "2026-01-02T03:04:05Z",
    })
}
