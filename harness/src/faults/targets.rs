//! What can be disturbed.

use crate::environment::Link;

/// What a schedule can disturb.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// The parts that take events.
    pub producers: Vec<String>,
    /// The parts that the events are read back from.
    pub services: Vec<String>,
    /// What else can be ended and paused: `database`, where the backend can do that.
    pub stores: Vec<String>,
    /// The network hops between the parts.
    pub links: Vec<Link>,
}

impl Targets {
    /// The first link by which a part reaches another.
    pub fn link_from(&self, part: &str) -> Option<String> {
        self.links.iter().find(|link| link.from == part).map(|link| link.name.clone())
    }

    /// Every part that may be ended and paused, each once.
    pub fn parts(&self) -> Vec<&str> {
        let mut parts: Vec<&str> = [&self.producers, &self.services, &self.stores]
            .into_iter()
            .flatten()
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
            stores: vec!["database".into()],
            links: links.into_iter().chain([link("server", "database")]).collect(),
        }
    }
}
