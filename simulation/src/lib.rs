//! The reference system in virtual time: no sockets, no sleeps, no disks.
//!
//! What decides is the real thing: the delivery core of the reference agent, with its waits. Around
//! it stand models: the agent's buffer, the links with what a schedule does to them, and the
//! server's limiter and event store. What happens is written down as a history like that of a real
//! run, so that the harness's own schedules disturb it and the harness's own checkers judge it.
//!
//! - [`simulate`] runs one schedule; begin reading at [`world`]
//! - [`weather`]: what a schedule does to each link and part, at each time
//! - [`agent`]: a producer of events, its buffer and its delivery
//! - [`server`]: what becomes of a batch that arrives
//! - [`journal`]: writes the history

pub mod agent;
pub mod journal;
pub mod server;
pub mod weather;
pub mod world;

use std::collections::BTreeSet;
use std::path::Path;

use harness::checkers::{DELIVERY, METASTABILITY, ORDER, PRIORITY, RECOVERY, RETRY, Verdict};
use harness::environment::Link;
use harness::faults::Targets;
use harness::history::History;
use harness::promises::Promises;
use harness::system::System;

pub use world::{Load, simulate};

/// How many agents there are, as in the system file.
const AGENTS: usize = 3;

/// What a schedule can disturb: the parts and links that the system file describes.
pub fn targets() -> Targets {
    let link = |from: &str, to: &str| Link {
        name: format!("{from}-to-{to}"),
        from: from.to_owned(),
        to: to.to_owned(),
    };
    let producers: Vec<String> = (1..=AGENTS).map(|number| format!("agent-{number}")).collect();
    let of_agents = producers.iter().map(|agent| link(agent, "server"));
    let links = of_agents.chain([link("server", "database")]).collect();
    Targets {
        producers,
        services: vec!["server".to_owned()],
        stores: vec!["database".to_owned()],
        links,
        // Of resources, clocks and disks the virtual world has no notion.
        spared: BTreeSet::new(),
        resources: false,
        containers: false,
        clocks: BTreeSet::new(),
        disks: BTreeSet::new(),
        slow_disks: BTreeSet::new(),
    }
}

/// What the system file promises.
///
/// # Panics
/// When the system file of this repository cannot be read.
pub fn promises() -> Promises {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/redflag.toml");
    match System::read(Path::new(file)) {
        Ok(system) => system.promises,
        Err(error) => panic!("{error}"),
    }
}

/// What the harness's checkers say of what is simulated.
pub fn judge(history: &History) -> Vec<Verdict> {
    [DELIVERY, ORDER, PRIORITY, RECOVERY, RETRY, METASTABILITY]
        .iter()
        .map(|checker| (checker.check)(history))
        .collect()
}
