//! What a container can be made short of, through the engine. Its limits are of the container, not
//! of one of its lives: they stay until they are lifted.
//!
//! Source: the Docker Engine API, `ContainerUpdate`, `NetworkDisconnect` and `NetworkConnect`.

use std::io;

use futures_util::StreamExt;
use testcontainers::bollard::models::{
    ContainerUpdateBody, NetworkConnectRequest, NetworkDisconnectRequest,
};
use testcontainers::bollard::query_parameters::StatsOptionsBuilder;

use super::container::RunningContainer;
use super::error::{ContainersError, refused};
use crate::environment::scarcity::Scarcity;

/// The engine shares out processors anew after so many microseconds.
const PERIOD: i64 = 100_000;
/// The engine takes no smaller limit of memory, in bytes.
const LEAST_MEMORY: u64 = 6 << 20;
/// More memory than any machine has, in bytes: the engine takes no word for none.
const UNLIMITED: i64 = 1 << 50;

impl RunningContainer {
    /// Makes it short of something. Off its network it keeps its name and its published port, and
    /// has both again when it is back.
    ///
    /// # Errors
    /// When the engine refuses, or only a process can be short of this.
    pub async fn limit(&self, scarcity: Scarcity) -> io::Result<()> {
        match scarcity {
            Scarcity::Files => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "in containers no fault limits open files; use `--backend embedded`",
            )),
            Scarcity::Memory { spare } => {
                let limit = self.memory().await?.saturating_add(spare).max(LEAST_MEMORY);
                self.update(memory(i64::try_from(limit).unwrap_or(UNLIMITED))).await
            }
            Scarcity::Processor { percent } => {
                let percent = i64::try_from(percent).unwrap_or(i64::MAX);
                self.update(processor(percent.saturating_mul(PERIOD) / 100)).await
            }
            Scarcity::Network => {
                let request =
                    NetworkDisconnectRequest { container: self.name.clone(), force: None };
                let done = self.docker.disconnect_network(&self.network, request).await;
                done.map_err(refused(format!("disconnect {}", self.name))).map_err(io::Error::other)
            }
        }
    }

    /// Lifts a limit, also of a container that has ended meanwhile.
    ///
    /// # Errors
    /// When the engine refuses.
    pub async fn relieve(&self, scarcity: Scarcity) -> io::Result<()> {
        match scarcity {
            Scarcity::Files => Ok(()),
            Scarcity::Memory { .. } => self.update(memory(UNLIMITED)).await,
            Scarcity::Processor { .. } => self.update(processor(-1)).await,
            Scarcity::Network => {
                let request =
                    NetworkConnectRequest { container: self.name.clone(), endpoint_config: None };
                let done = self.docker.connect_network(&self.network, request).await;
                done.map_err(refused(format!("connect {}", self.name))).map_err(io::Error::other)
            }
        }
    }

    async fn update(&self, body: ContainerUpdateBody) -> io::Result<()> {
        let updated = self.docker.update_container(&self.name, body).await;
        updated.map_err(refused(format!("limit {}", self.name))).map_err(io::Error::other)
    }

    /// The memory that it takes now, in bytes.
    async fn memory(&self) -> io::Result<u64> {
        let once = StatsOptionsBuilder::new().stream(false).one_shot(true).build();
        let mut statistics = Box::pin(self.docker.stats(&self.name, Some(once)));
        let now = match statistics.next().await.transpose() {
            Ok(now) => now.and_then(|now| now.memory_stats),
            Err(error) => {
                let refused: ContainersError = refused(format!("look at {}", self.name))(error);
                return Err(io::Error::other(refused));
            }
        };
        Ok(now.and_then(|memory| memory.usage).unwrap_or(0))
    }
}

/// So much memory and no swap, in bytes.
fn memory(limit: i64) -> ContainerUpdateBody {
    ContainerUpdateBody { memory: Some(limit), memory_swap: Some(limit), ..Default::default() }
}

/// So many microseconds of a processor in each period; -1 is no limit.
fn processor(quota: i64) -> ContainerUpdateBody {
    ContainerUpdateBody { cpu_period: Some(PERIOD), cpu_quota: Some(quota), ..Default::default() }
}
