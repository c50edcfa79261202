//! Ever more producers: what a batch and a look at all of them cost.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};
use tokio::time::sleep;

use super::events::milliseconds;
use super::{AllSeries, BATCH, CONNECTIONS, Growth, GrowthRequest};
use crate::bench::BenchError;
use crate::bench::figure::Better;
use crate::bench::ground::{address, superuser};
use crate::bench::loading::{Loading, Loads};
use crate::bench::query_effort::{EXPLAIN_SETTINGS, Effort, statements};
use crate::bench::resampling::median;
use crate::environment::postgres::quote_identifier;
use crate::environment::{Environment, Part, make_setup_call, resident_bytes};
use crate::system::BenchContract;

/// How long a part may take to be ready again.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long is listened to what the part asks by itself.
const LISTENS: Duration = Duration::from_secs(1);

pub(super) async fn measure(
    request: &GrowthRequest,
    contract: &BenchContract,
    tell: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Growth>, BenchError> {
    let folder = tempfile::tempdir()?;
    let environment = request.subject.start(contract, folder.path()).await?;
    let fleet = Fleet { request, contract, environment: &environment, folder: folder.path() };
    let outcome = fleet.measure(tell).await;
    environment.stop().await?;
    outcome
}

struct Fleet<'a> {
    request: &'a GrowthRequest,
    contract: &'a BenchContract,
    environment: &'a Environment,
    folder: &'a Path,
}

impl Fleet<'_> {
    async fn measure(&self, tell: &(dyn Fn(&str) + Sync)) -> Result<Vec<Growth>, BenchError> {
        let mut all = AllSeries::default();
        let loading = Loading { events: BATCH, connections: CONNECTIONS };
        let mut loads =
            Loads::make(self.contract, self.environment, self.request.subject.seed, self.folder)?;
        for &agents in &self.request.agents {
            let size = usize::try_from(agents).unwrap_or(usize::MAX);
            loads.enlarge(size, self.contract, self.environment).await?;
            let efforts = self.efforts().await?;
            for (name, effort) in &efforts {
                let named = |what: &str| format!("growth.fleet.{name}.{what}");
                let statements = effort.statements as f64;
                all.constant(agents, (&named("statements"), "statements/call"), statements);
                all.constant(agents, (&named("repeats"), "runs of a step"), effort.loops as f64);
            }
            let (mut rates, mut halves, mut p99s) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..self.request.rounds {
                let measured = loads.load(loading, self.request.lasts).await?;
                rates.push(measured.rate() * BATCH as f64);
                halves.push(milliseconds(&measured.latency, 0.5));
                p99s.push(milliseconds(&measured.latency, 0.99));
            }
            let [rate, half, p99] = [&rates, &halves, &p99s].map(|samples| median(samples));
            all.add(agents, ("growth.fleet.rate", "events/s"), Better::Higher, 0.0, rate);
            all.constant(agents, ("growth.fleet.batch_p50", "ms"), half);
            all.constant(agents, ("growth.fleet.batch_p99", "ms"), p99);
            let memory = resident_bytes(self.part()?).unwrap_or(0) as f64 / (1 << 20) as f64;
            all.add(agents, ("growth.fleet.memory", "MiB"), Better::Lower, 1.0, memory);
            let asked: Vec<String> = efforts
                .iter()
                .map(|(name, effort)| format!("; {name}: {} statements", effort.statements))
                .collect();
            tell(&format!(
                "growth, {agents} agents: {rate:.0} events/s, batch p99 {p99:.1} ms, \
                 {memory:.0} MiB{}",
                asked.concat()
            ));
        }
        Ok(all.of("agents"))
    }

    /// What each call that looks at the whole fleet has PostgreSQL do. The part runs anew before
    /// and after it, so that its sessions log their plans meanwhile and at no other time.
    async fn efforts(&self) -> Result<Vec<(&str, Effort)>, BenchError> {
        let mut efforts = Vec::new();
        if self.contract.fleet.is_empty() {
            return Ok(efforts);
        }
        self.explain(true).await?;
        let begin = self.log()?.len();
        let listening = Instant::now();
        while listening.elapsed() < LISTENS {
            sleep(LISTENS / 10).await;
        }
        let background = read_plans(self.since(begin)?.as_str())?;
        let url = format!("http://{}", address(self.environment, &self.contract.to)?);
        let values = self.environment.values();
        for (name, call) in &self.contract.fleet {
            let before = self.log()?.len();
            make_setup_call(self.environment.http(), &url, call, values).await?;
            let effort = Effort::of(&self.since(before)?, &background);
            efforts.push((name.as_str(), effort.map_err(std::io::Error::from)?));
        }
        self.explain(false).await?;
        Ok(efforts)
    }

    /// Has new sessions log their plans, or not, and the part make such sessions.
    async fn explain(&self, on: bool) -> Result<(), BenchError> {
        let no_database = || BenchError::Unusable("the system has no database".to_owned());
        let database = self.request.subject.system.database.as_ref().ok_or_else(no_database)?;
        let mut connection = superuser(self.environment)?.connect().await?;
        let role = quote_identifier(&database.role);
        for (name, value) in EXPLAIN_SETTINGS {
            let statement = match on {
                true => format!("ALTER ROLE {role} SET {name} = '{value}'"),
                false => format!("ALTER ROLE {role} RESET {name}"),
            };
            connection.execute(AssertSqlSafe(statement)).await?;
        }
        connection.close().await?;
        let part = self.part()?;
        part.terminate().await;
        part.start().await?;
        part.wait_ready(READY_WITHIN).await?;
        Ok(())
    }

    fn part(&self) -> Result<&Part, BenchError> {
        let part = self.environment.part(&self.contract.to);
        part.ok_or_else(|| BenchError::Unusable(format!("there is no `{}`", self.contract.to)))
    }

    fn log(&self) -> Result<String, BenchError> {
        let path: PathBuf = self.folder.join("postgresql.log");
        Ok(std::fs::read_to_string(path)?)
    }

    fn since(&self, length: usize) -> Result<String, BenchError> {
        Ok(self.log()?.get(length..).unwrap_or_default().to_owned())
    }
}

fn read_plans(log: &str) -> Result<BTreeSet<String>, BenchError> {
    Ok(statements(log).map_err(std::io::Error::from)?)
}
