//! One disturbance of the environment: what it does to whom.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::environment::{
    Direction, Disruption, Environment, EnvironmentError, Part, ProxyError, Scarcity, Toxic,
};
use crate::history;
use crate::system::{DATABASE, PROXY};

/// A fault cannot be injected or healed.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// There is no such link.
    #[error("there is no link `{0}` in this environment")]
    NoLink(String),
    /// There is no such part.
    #[error("there is no part `{0}` in this environment")]
    NoPart(String),
    /// The proxy does not do what it is asked.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The environment does not do what it is asked.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
}

/// A disturbance of one link or of one part. Times are in milliseconds unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// Everything on a link arrives later, in both directions together by this much.
    Latency {
        /// The link.
        link: String,
        /// The delay of a round trip.
        latency: u64,
        /// By how much the delay varies, up and down.
        jitter: u64,
    },
    /// A link carries only so much.
    Bandwidth {
        /// The link.
        link: String,
        /// Which way.
        direction: Direction,
        /// Thousands of bytes a second.
        rate: u64,
    },
    /// What is sent arrives in small pieces.
    Slicer {
        /// The link.
        link: String,
        /// Which way.
        direction: Direction,
        /// Bytes a piece.
        size: u64,
        /// Between two pieces, in microseconds.
        delay: u64,
    },
    /// A connection that one side closes is closed to the other side only later.
    SlowClose {
        /// The link.
        link: String,
        /// Which way.
        direction: Direction,
        /// How much later.
        delay: u64,
    },
    /// A link swallows what is sent one way while its connections stay open; they are closed when
    /// it heals.
    Hold {
        /// The link.
        link: String,
        /// Which way.
        direction: Direction,
    },
    /// Connections are reset, in the midst of whatever they carry.
    Reset {
        /// The link.
        link: String,
    },
    /// Each connection is closed after so many bytes.
    LimitData {
        /// The link.
        link: String,
        /// Which way.
        direction: Direction,
        /// The bytes.
        bytes: u64,
    },
    /// A link takes no connection, and those that are open are closed.
    Cut {
        /// The link.
        link: String,
    },
    /// A part, or `database`, is ended by SIGKILL; to heal is to start it again.
    Kill {
        /// The part.
        part: String,
    },
    /// A part, or `database`, is asked to end (by SIGTERM, or with a checkpoint); to heal is to start it again.
    Terminate {
        /// The part.
        part: String,
    },
    /// A part, or `database`, is stopped in its tracks by SIGSTOP; to heal is to let it go on.
    Pause {
        /// The part.
        part: String,
    },
    /// A part can open no more files and connections than it has open.
    NoFiles {
        /// The part.
        part: String,
    },
    /// A part can take no more memory than a little. If it ends for want of it, to heal is to start
    /// it again.
    NoMemory {
        /// The part.
        part: String,
        /// How much it can still take, in bytes: of address space, or as a container of all memory.
        spare: u64,
    },
    /// A part, as a container, gets no more of a processor than this.
    CpuLimit {
        /// The part.
        part: String,
        /// Of one processor.
        percent: u64,
    },
    /// A part, as a container, is taken off its network, with the connections that it has. It may
    /// have another address when it is back.
    Disconnect {
        /// The part.
        part: String,
    },
    /// A part's disk is full.
    DiskFull {
        /// The part.
        part: String,
    },
    /// A part waits longer for each change on its disk: for what it writes, syncs, makes, renames
    /// and removes there.
    SlowDisk {
        /// The part.
        part: String,
        /// How much longer.
        delay: u64,
    },
    /// A part's clock is wrong.
    Clock {
        /// The part.
        part: String,
        /// How far it is ahead, in seconds.
        ahead: i64,
    },
    /// The system's role has no connection to the database and gets none.
    NoConnections {},
    /// The proxy in every link is ended, and its connections with it; to heal is to start it again.
    KillProxy {},
}

impl Fault {
    /// The word for what it does, as histories and reports have it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Latency { .. } => "latency",
            Self::Bandwidth { .. } => "bandwidth",
            Self::Slicer { .. } => "slicer",
            Self::SlowClose { .. } => "slow_close",
            Self::Hold { .. } => "hold",
            Self::Reset { .. } => "reset",
            Self::LimitData { .. } => "limit_data",
            Self::Cut { .. } => "cut",
            Self::Kill { .. } => "kill",
            Self::Terminate { .. } => "terminate",
            Self::Pause { .. } => "pause",
            Self::NoFiles { .. } => "no_files",
            Self::NoMemory { .. } => "no_memory",
            Self::CpuLimit { .. } => "cpu_limit",
            Self::Disconnect { .. } => "disconnect",
            Self::DiskFull { .. } => "disk_full",
            Self::SlowDisk { .. } => "slow_disk",
            Self::Clock { .. } => "clock",
            Self::NoConnections {} => "no_connections",
            Self::KillProxy {} => "kill_proxy",
        }
    }

    /// The link or part that it hits.
    pub fn target(&self) -> &str {
        match self {
            Self::Latency { link, .. }
            | Self::Bandwidth { link, .. }
            | Self::Slicer { link, .. }
            | Self::SlowClose { link, .. }
            | Self::Hold { link, .. }
            | Self::Reset { link }
            | Self::LimitData { link, .. }
            | Self::Cut { link } => link,
            Self::Kill { part }
            | Self::Terminate { part }
            | Self::Pause { part }
            | Self::NoFiles { part }
            | Self::NoMemory { part, .. }
            | Self::CpuLimit { part, .. }
            | Self::Disconnect { part }
            | Self::DiskFull { part }
            | Self::SlowDisk { part, .. }
            | Self::Clock { part, .. } => part,
            Self::NoConnections {} => DATABASE,
            Self::KillProxy {} => PROXY,
        }
    }

    /// The way that it disturbs, where it disturbs but one.
    pub fn direction(&self) -> Option<Direction> {
        match self {
            Self::Bandwidth { direction, .. }
            | Self::Slicer { direction, .. }
            | Self::SlowClose { direction, .. }
            | Self::Hold { direction, .. }
            | Self::LimitData { direction, .. } => Some(*direction),
            _ => None,
        }
    }

    /// Whether both cannot go on at the same time, since the end of one would end the other.
    pub fn excludes(&self, other: &Self) -> bool {
        let of_links =
            |one: &Self, two: &Self| matches!(one, Self::KillProxy {}) && two.is_of_link();
        if of_links(self, other) || of_links(other, self) {
            return true;
        }
        self.target() == other.target() && self.toxic_kind() == other.toxic_kind()
    }

    fn is_of_link(&self) -> bool {
        matches!(self, Self::Cut { .. }) || self.toxic_kind().is_some()
    }

    /// The fault as a history and a report tell it.
    pub fn describe(&self, environment: &Environment) -> history::Fault {
        let target = self.target();
        let connecting = environment.links().iter().filter(|link| match target {
            DATABASE => link.to == DATABASE,
            PROXY => true,
            _ => link.name == target,
        });
        let hit = environment.parts().iter().filter(|part| part.name() == target);
        let parts = connecting
            .map(|link| link.from.clone())
            .chain(hit.map(|part| part.name().to_owned()))
            .collect();
        history::Fault {
            kind: self.kind().to_owned(),
            target: target.to_owned(),
            detail: self.detail(),
            parts,
        }
    }

    /// What it does, in a few words.
    pub fn detail(&self) -> String {
        let way = match self.direction() {
            Some(Direction::ToServer) => "to the server",
            Some(Direction::ToClient) => "to the client",
            None => "both ways",
        };
        match self {
            Self::Latency { latency, jitter, .. } => format!("{latency} ms ± {jitter} ms"),
            Self::Bandwidth { rate, .. } => format!("{rate} KB/s {way}"),
            Self::Slicer { size, delay, .. } => {
                format!("pieces of {size} bytes, {delay} µs apart, {way}")
            }
            Self::SlowClose { delay, .. } => format!("closed {delay} ms later, {way}"),
            Self::Hold { .. } => format!("what is sent {way} is swallowed"),
            Self::Reset { .. } => "connections reset".to_owned(),
            Self::LimitData { bytes, .. } => format!("closed after {bytes} bytes {way}"),
            Self::Cut { .. } => "connections closed and refused".to_owned(),
            Self::Kill { .. } => "SIGKILL, then started again".to_owned(),
            Self::Terminate { .. } if self.disruption().is_some() => {
                "ended with a checkpoint, then started again".to_owned()
            }
            Self::Terminate { .. } => "SIGTERM, then started again".to_owned(),
            Self::Pause { .. } => "SIGSTOP, then SIGCONT".to_owned(),
            Self::NoFiles { .. } => "no further file or connection can be opened".to_owned(),
            Self::NoMemory { spare, .. } => format!("{} KiB of memory left", spare >> 10),
            Self::CpuLimit { percent, .. } => format!("{percent} % of a processor"),
            Self::Disconnect { .. } => "off the network".to_owned(),
            Self::DiskFull { .. } => "no room on the disk".to_owned(),
            Self::SlowDisk { delay, .. } => format!("each change on the disk {delay} ms later"),
            Self::Clock { ahead, .. } if *ahead < 0 => format!("{} s behind", ahead.unsigned_abs()),
            Self::Clock { ahead, .. } => format!("{ahead} s ahead"),
            Self::NoConnections {} => "connections of the role ended and refused".to_owned(),
            Self::KillProxy {} => "every link closed, then opened again".to_owned(),
        }
    }

    /// # Errors
    /// When its target is not there.
    pub(super) fn find_target(&self, environment: &Environment) -> Result<(), FaultError> {
        match self {
            _ if self.disruption().is_some() => Ok(()),
            Self::NoConnections {} | Self::KillProxy {} => Ok(()),
            _ if !self.is_of_link() => known_part(environment, self.target()).map(drop),
            _ => {
                let link = self.target();
                let known = environment.links().iter().any(|known| known.name == link);
                known.then_some(()).ok_or_else(|| FaultError::NoLink(link.to_owned()))
            }
        }
    }

    /// What it does to PostgreSQL, if that is what it hits.
    fn disruption(&self) -> Option<Disruption> {
        let how = match self {
            Self::Kill { .. } => Disruption::Kill,
            Self::Terminate { .. } => Disruption::Terminate,
            Self::Pause { .. } => Disruption::Pause,
            _ => return None,
        };
        (self.target() == DATABASE).then_some(how)
    }

    pub(super) async fn begin(&self, environment: &Environment) -> Result<(), FaultError> {
        if let Some(how) = self.disruption() {
            return Ok(environment.disrupt_database(how).await?);
        }
        if let Some((part, scarcity)) = self.scarcity() {
            return Ok(known_part(environment, part)?.limit(scarcity).await?);
        }
        match self {
            Self::Cut { link } => environment.proxy().enable(link, false).await?,
            Self::Kill { part } => known_part(environment, part)?.kill().await,
            Self::Terminate { part } => {
                known_part(environment, part)?.terminate().await;
            }
            Self::Pause { part } => known_part(environment, part)?.pause().await,
            Self::DiskFull { part } => environment.fill_disk(part, true).await?,
            Self::SlowDisk { part, delay } => {
                environment.slow_disk(part, Duration::from_millis(*delay)).await?;
            }
            Self::Clock { part, ahead } => environment.set_clock(part, *ahead).await?,
            Self::NoConnections {} => environment.refuse_connections(true).await?,
            Self::KillProxy {} => environment.kill_proxy().await,
            _ => {
                if let Some(toxic) = self.toxic() {
                    environment.proxy().add(self.target(), &toxic).await?;
                }
            }
        }
        Ok(())
    }

    pub(super) async fn heal(&self, environment: &Environment) -> Result<(), FaultError> {
        if let Some(how) = self.disruption() {
            return Ok(environment.restore_database(how).await?);
        }
        if let Some((part, scarcity)) = self.scarcity() {
            return Ok(known_part(environment, part)?.relieve(scarcity).await?);
        }
        match self {
            Self::Cut { link } => environment.proxy().enable(link, true).await?,
            Self::Kill { part } | Self::Terminate { part } => {
                known_part(environment, part)?.start().await?;
            }
            Self::Pause { part } => known_part(environment, part)?.resume().await,
            Self::DiskFull { part } => environment.fill_disk(part, false).await?,
            Self::SlowDisk { part, .. } => environment.slow_disk(part, Duration::ZERO).await?,
            Self::Clock { part, .. } => environment.set_clock(part, 0).await?,
            Self::NoConnections {} => environment.refuse_connections(false).await?,
            Self::KillProxy {} => environment.restart_proxy().await?,
            _ => {
                if let Some(toxic) = self.toxic() {
                    environment.proxy().remove(self.target(), &toxic.name).await?;
                }
            }
        }
        Ok(())
    }

    /// What it makes a part short of, if that is how it disturbs.
    fn scarcity(&self) -> Option<(&str, Scarcity)> {
        let scarcity = match self {
            Self::NoFiles { .. } => Scarcity::Files,
            Self::NoMemory { spare, .. } => Scarcity::Memory { spare: *spare },
            Self::CpuLimit { percent, .. } => Scarcity::Processor { percent: *percent },
            Self::Disconnect { .. } => Scarcity::Network,
            _ => return None,
        };
        Some((self.target(), scarcity))
    }

    /// The toxic that it adds to its link, if that is how it disturbs. The name tells apart what
    /// may go on together on one link.
    fn toxic(&self) -> Option<Toxic> {
        let (kind, direction) = self.toxic_kind()?;
        let attributes = match self {
            Self::Latency { latency, jitter, .. } => json!({"latency": latency, "jitter": jitter}),
            Self::Bandwidth { rate, .. } => json!({"rate": rate}),
            Self::Slicer { size, delay, .. } => {
                json!({"average_size": size, "size_variation": size / 2, "delay": delay})
            }
            Self::SlowClose { delay, .. } => json!({"delay": delay}),
            Self::LimitData { bytes, .. } => json!({"bytes": bytes}),
            _ => json!({"timeout": 0}),
        };
        let way = match direction {
            Direction::ToServer => "to_server",
            Direction::ToClient => "to_client",
        };
        Some(Toxic {
            name: format!("{kind}_{way}"),
            kind: kind.to_owned(),
            direction,
            toxicity: 1.0,
            attributes,
        })
    }

    /// What the proxy calls the toxic, and which way it works, if a toxic is what the fault is.
    fn toxic_kind(&self) -> Option<(&'static str, Direction)> {
        let kind = match self {
            Self::Latency { .. } => "latency",
            Self::Bandwidth { .. } => "bandwidth",
            Self::Slicer { .. } => "slicer",
            Self::SlowClose { .. } => "slow_close",
            Self::Hold { .. } => "timeout",
            Self::Reset { .. } => "reset_peer",
            Self::LimitData { .. } => "limit_data",
            _ => return None,
        };
        Some((kind, self.direction().unwrap_or(Direction::ToClient)))
    }
}

fn known_part<'a>(environment: &'a Environment, name: &str) -> Result<&'a Part, FaultError> {
    environment.part(name).ok_or_else(|| FaultError::NoPart(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(direction: Direction) -> Fault {
        Fault::Hold { link: "a-to-b".into(), direction }
    }

    #[test]
    fn faults_exclude_each_other_when_the_end_of_one_would_end_the_other() {
        let kill = Fault::Kill { part: "a".into() };
        let pause = Fault::Pause { part: "a".into() };
        let cut = Fault::Cut { link: "a-to-b".into() };
        let (there, back) = (hold(Direction::ToServer), hold(Direction::ToClient));
        assert!(kill.excludes(&pause) && cut.excludes(&cut.clone()));
        assert!(there.excludes(&hold(Direction::ToServer)));
        assert!(!there.excludes(&back) && !there.excludes(&cut) && !cut.excludes(&there));
        assert!(!kill.excludes(&Fault::Kill { part: "b".into() }));
        let no_proxy = Fault::KillProxy {};
        assert!(no_proxy.excludes(&there) && cut.excludes(&no_proxy) && !no_proxy.excludes(&kill));
    }

    #[test]
    fn a_fault_says_what_it_does_and_which_way() {
        assert_eq!(hold(Direction::ToServer).detail(), "what is sent to the server is swallowed");
        let text = serde_json::to_string(&hold(Direction::ToClient)).unwrap();
        assert_eq!(text, r#"{"kind":"hold","link":"a-to-b","direction":"to_client"}"#);
    }
}
