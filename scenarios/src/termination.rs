//! An agent that is asked to end while nobody takes its events ends in time, and delivers them
//! in its next life. A server that is asked to end answers what it has begun.

use harness::environment::{BackendKind, Environment, Part};
use libtest_mimic::Failed;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::both_ways::both_ways;
use crate::calls::{call, part, text_at};
use crate::server_calls::Server;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

const AGENT: &str = "agent-1";
const LINK: &str = "agent-1-to-server";
const EVENTS: usize = 250;

/// An agent with a backlog ends when it is asked to, and loses nothing.
pub const BACKLOG_SURVIVES_TERMINATION: Scenario =
    Scenario { name: "an_agent_ends_cleanly_with_a_backlog", show };

/// A request that has begun is answered before the server ends.
pub const REQUESTS_IN_FLIGHT_ARE_ANSWERED: Scenario = Scenario {
    name: "requests_in_flight_are_answered_before_the_end",
    show: |backend| both_ways(backend, "PS-DRAIN", "in flight is cut", judge_drain),
};

fn judge_drain(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = part(environment, "server")?;
        let address = server.url().strip_prefix("http://").ok_or("the server has no address")?;
        let body = "{\"username\": \"admin\", \"password\": \"not the password\"}";
        let head = format!(
            "POST /api/v1/auth/login HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\
             Expect: 100-continue\r\n\r\n",
            body.len()
        );
        let mut request = TcpStream::connect(address).await?;
        request.write_all(head.as_bytes()).await?;
        // The server says so when it begins to read the body: the request is in flight.
        let mut begun = [0; 25];
        request.read_exact(&mut begun).await?;
        expect::equal(
            "the server's go-ahead",
            &begun.as_slice(),
            &b"HTTP/1.1 100 Continue\r\n\r\n",
        )?;
        let finish = async {
            expect::eventually("the server takes no more connections", async || {
                Ok(TcpStream::connect(address).await.is_err().then_some(()))
            })
            .await?;
            let mut answer = String::new();
            let answered = async {
                request.write_all(body.as_bytes()).await?;
                request.read_to_string(&mut answer).await
            };
            let told = answered.await.map_or_else(|error| error.to_string(), |_| answer);
            match told.contains(" 401 ") {
                true => Ok(()),
                false => Err(format!("a request in flight is cut: {told:?}").into()),
            }
        };
        let (_, finished) = tokio::join!(server.terminate(), finish);
        finished
    })
}

fn show(backend: BackendKind) -> Result<(), Failed> {
    ReferenceSystem::new(backend)?.observe(async |environment| {
        let agent = part(environment, AGENT)?;
        expect::eventually("the agent is registered", async || {
            Ok((health(environment, agent).await?["registered"] == true).then_some(()))
        })
        .await?;
        environment.proxy().enable(LINK, false).await?;
        let mut given = Vec::new();
        for number in 0..EVENTS {
            given.push(give(environment, agent, number).await?);
        }
        let health = health(environment, agent).await?;
        let id = text_at(&health, "/agent")?;
        let waiting = health["backlog"].as_u64().unwrap_or_default();
        expect::equal("all that was given waits", &(waiting >= EVENTS as u64), &true)?;

        let end = agent.terminate().await.ok_or("the agent did not run")?;
        if !end.ends_with(" 0") {
            return Err(format!("the agent ended with {end}, not by itself with 0").into());
        }
        agent.start().await?;
        agent.wait_ready(expect::BOUND).await?;
        environment.proxy().enable(LINK, true).await?;
        expect::eventually("the backlog is delivered", async || {
            let health = self::health(environment, agent).await?;
            Ok((health["backlog"] == 0).then_some(()))
        })
        .await?;
        delivered(&Server::of(environment)?.events_of(&id).await?, &given)
    })
}

/// Gives an event to the agent and returns its id.
async fn give(environment: &Environment, agent: &Part, number: usize) -> Result<String, Failed> {
    let event = json!({
        "event_type": "agent_scan", "event_subtype": "info", "severity": "info",
        "component": "agent", "message": format!("scan {number} finished"),
    });
    let url = format!("{}/events", agent.url());
    let taken = call(environment.http().post(url).json(&event)).await?;
    text_at(&taken.with_status("an event given to the agent", 200)?, "/id")
}

async fn health(environment: &Environment, agent: &Part) -> Result<Value, Failed> {
    let answer = call(environment.http().get(format!("{}/health", agent.url()))).await?;
    answer.with_status("the agent's health", 200)
}

/// What was given is there once, in its order, and the lane that it travelled in has no gap.
fn delivered(stored: &[Value], given: &[String]) -> Result<(), Failed> {
    let ids = stored.iter().filter_map(|event| event["id"].as_str());
    let found: Vec<&str> = ids.filter(|id| given.iter().any(|given| given == id)).collect();
    expect::equal("the delivered events", &found, &given.to_vec())?;
    let normal = stored.iter().filter(|event| event["lane"] == "normal");
    let numbers: Vec<u64> = normal.filter_map(|event| event["seq"].as_u64()).collect();
    let without_gap: Vec<u64> = (1..=numbers.len() as u64).collect();
    expect::equal("the numbers of the lane", &numbers, &without_gap)
}
