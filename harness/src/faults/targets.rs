//! What can be disturbed.

use std::collections::BTreeSet;

use crate::environment::Link;

/// What a schedule can disturb.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// The parts that take events.
    pub producers: Vec<String>,
    /// The other parts.
    pub services: Vec<String>,
    /// Those of both that nothing ends or pauses.
    pub spared: BTreeSet<String>,
    /// What else can be ended and paused: `database`, where the backend can do that.
    pub stores: Vec<String>,
    /// The network hops between the parts.
    pub links: Vec<Link>,
    /// Whether the resources of parts can be limited, and the proxy ended.
    pub resources: bool,
    /// Whether parts are containers, which can be taken off their network and get less of a
    /// processor and of memory.
    pub containers: bool,
    /// The parts whose clocks can be set wrong.
    pub clocks: BTreeSet<String>,
    /// The parts whose disks can be filled.
    pub disks: BTreeSet<String>,
    /// The parts whose disks can be made slow.
    pub slow_disks: BTreeSet<String>,
}

impl Targets {
    /// The first link by which a part reaches another.
    pub fn link_from(&self, part: &str) -> Option<String> {
        self.links.iter().find(|link| link.from == part).map(|link| link.name.clone())
    }

    /// Every part whose program may be ended and limited, each once.
    pub fn programs(&self) -> Vec<&str> {
        let store = |part: &&str| self.stores.iter().any(|store| store == part);
        self.parts().into_iter().filter(|part| !store(part)).collect()
    }

    /// Every part that may be ended and paused, stores included, each once.
    pub fn parts(&self) -> Vec<&str> {
        let mut parts: Vec<&str> = [&self.producers, &self.services, &self.stores]
            .into_iter()
            .flatten()
            .filter(|part| !self.spared.contains(*part))
            .map(String::as_str)
            .collect();
        parts.sort_unstable();
        parts.dedup();
        parts
    }

    /// Three producers, a service and a store, for tests.
    #[cfg(test)]
    pub(crate) fn sample() -> Self {
        let link = |from: &str, to: &str| Link {
            name: format!("{from}-to-{to}"),
            from: from.into(),
            to: to.into(),
        };
        let producers = ["agent-1", "agent-2", "agent-3"];
        let links = producers.map(|producer| link(producer, "server"));
        Self {
            producers: producers.map(str::to_owned).to_vec(),
            services: vec!["server".into()],
            spared: BTreeSet::new(),
            stores: vec!["database".into()],
            links: links.into_iter().chain([link("server", "database")]).collect(),
            resources: true,
            containers: false,
            clocks: BTreeSet::from(["agent-1".to_owned()]),
            disks: BTreeSet::from(["server".to_owned()]),
            slow_disks: BTreeSet::from(["agent-1".to_owned()]),
        }
    }
}
