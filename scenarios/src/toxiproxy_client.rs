//! The client that Toxiproxy's users already have drives the proxies of a running system: it
//! finds every link, sets toxics and reads them back (it looks at no status itself), and what it
//! sets disturbs the system and lets go of it again.

use std::time::Instant;

use harness::environment::{BackendKind, Environment, Part};
use harness::history::PartState;
use libtest_mimic::Failed;
use tokio::runtime::Runtime;
use toxiproxy_rust::client::Client;
use toxiproxy_rust::proxy::Proxy;

use crate::expect::{self, BOUND, INTERVAL};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, calls};

const DATABASE_LINK: &str = "server-to-database";

/// The usual client drives the proxies of a running system.
pub const USUAL_CLIENT_DRIVES_THE_LINKS: Scenario =
    Scenario { name: "the_usual_toxiproxy_client_drives_the_links", show };

fn show(backend: BackendKind) -> Result<(), Failed> {
    let system = ReferenceSystem::new(backend)?;
    // The client blocks, and brings a runtime of its own: it is called outside of ours.
    let runtime = Runtime::new()?;
    let environment = runtime.block_on(system.start())?;
    let outcome = drive(&environment);
    runtime.block_on(environment.stop())?;
    outcome
}

fn drive(environment: &Environment) -> Result<(), Failed> {
    let control = environment.proxy().url().trim_start_matches("http://");
    let client = Client::new(control);
    let server = calls::part(environment, "server")?;

    let mut found: Vec<String> = client.all()?.into_keys().collect();
    found.sort();
    let links = ["agent-1-to-server", "agent-2-to-server", "agent-3-to-server", DATABASE_LINK];
    expect::equal("the links", &found, &links.map(str::to_owned).to_vec())?;

    let link = client.find_proxy(DATABASE_LINK)?;
    every_toxic_is_read_back(&link)?;
    disturbs(server, "timeout", &link, |link| {
        link.with_timeout("downstream".into(), 50, 1.0);
    })?;
    disturbs(server, "limit_data", &link, |link| {
        link.with_limit_data("downstream".into(), 1, 1.0);
    })?;

    link.disable()?;
    wait_for(server, PartState::Unready, "the link is down")?;
    client.reset()?;
    wait_for(server, PartState::Ready, "the link is reset")
}

fn every_toxic_is_read_back(link: &Proxy) -> Result<(), Failed> {
    link.with_latency("downstream".into(), 5, 2, 1.0)
        .with_bandwidth("downstream".into(), 100_000, 1.0)
        .with_slow_close("downstream".into(), 10, 1.0)
        .with_slicer("upstream".into(), 512, 8, 10, 0.5);
    let mut kinds: Vec<String> = link.toxics()?.into_iter().map(|toxic| toxic.r#type).collect();
    kinds.sort();
    let expected = ["bandwidth", "latency", "slicer", "slow_close"].map(str::to_owned);
    expect::equal("the toxics", &kinds, &expected.to_vec())?;
    link.delete_all_toxics()?;
    expect::equal("the toxics left", &link.toxics()?.len(), &0)
}

/// A toxic on the database's link makes the server unready, and its removal makes it ready again.
fn disturbs(server: &Part, name: &str, link: &Proxy, add: fn(&Proxy)) -> Result<(), Failed> {
    add(link);
    wait_for(server, PartState::Unready, &format!("{name} is there"))?;
    link.delete_all_toxics()?;
    wait_for(server, PartState::Ready, &format!("{name} is gone"))
}

fn wait_for(part: &Part, state: PartState, when: &str) -> Result<(), Failed> {
    let deadline = Instant::now() + BOUND;
    while part.state() != state {
        if Instant::now() >= deadline {
            let seen = part.state();
            return Err(format!("{} is {seen:?}, not {state:?}, when {when}", part.name()).into());
        }
        std::thread::sleep(INTERVAL);
    }
    Ok(())
}
