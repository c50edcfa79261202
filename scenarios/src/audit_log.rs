//! The agent's audit log: kept to itself, within its limits, and with nothing lost when the disk or
//! the collector fails.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use libtest_mimic::Failed;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::agent_rows::with_prepared_agent;
use crate::both_ways::both_ways;
use crate::propagation::stage::{Folders, Stage};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// Nobody else on the machine can read it.
pub const OTHERS_CANNOT_READ: Scenario = Scenario {
    name: "others_cannot_read_the_audit_log",
    show: |backend| both_ways(backend, "AL-PERM", "others can read", others_cannot_read),
};

/// Its files are bounded in size and in age.
pub const LIMITS_ARE_APPLIED: Scenario = Scenario {
    name: "limits_on_size_and_age_of_the_audit_log_are_applied",
    show: |backend| both_ways(backend, "AL-ROTATE", "is longer than", limits_are_applied),
};

/// What a full disk did not take is written once there is room.
pub const FULL_DISKS_LOSE_NOTHING: Scenario = Scenario {
    name: "a_full_disk_loses_no_audit_record",
    show: |backend| both_ways(backend, "AL-DISK", "are lost with the full disk", full_disk),
};

/// What the collector refused is sent again.
pub const REFUSALS_LOSE_NOTHING: Scenario = Scenario {
    name: "a_collector_that_refuses_loses_no_audit_record",
    show: |backend| both_ways(backend, "AL-REMOTE", "never reach the collector", refusals),
};

/// The longest that a file may get here, in bytes.
const MAX_BYTES: u64 = 2000;
/// A file of another time, which is too old to be kept.
const OLD: &str = "audit-20200101T000000000000.log";

fn others_cannot_read(reference: ReferenceSystem) -> Result<(), Failed> {
    let prepare = |folders: &Folders| Ok(fs::remove_file(audit_log(folders))?);
    with_prepared_agent(reference, prepare, async |stage| {
        let path = audit_log(&stage.folders);
        let mode = expect::eventually("the audit log is there", async || {
            Ok(fs::metadata(&path).ok().map(|file| file.permissions().mode() & 0o777))
        })
        .await?;
        match mode & 0o077 {
            0 => Ok(()),
            _ => Err(format!("others can read the audit log: its mode is {mode:o}").into()),
        }
    })
}

fn limits_are_applied(mut reference: ReferenceSystem) -> Result<(), Failed> {
    let bound = MAX_BYTES.to_string();
    set(&mut reference, &[("REDFLAG_AUDIT_MAX_BYTES", &bound), ("REDFLAG_AUDIT_FLUSH_MS", "50")]);
    let prepare = |folders: &Folders| {
        let old = fs::File::create(folders.state.join(OLD))?;
        Ok(old.set_modified(SystemTime::now() - Duration::from_secs(31 * 86_400))?)
    };
    with_prepared_agent(reference, prepare, async |stage| {
        for number in 0..8 {
            command(stage, number).await?;
        }
        let written = 2 * MAX_BYTES;
        expect::eventually(&format!("the log holds {written} bytes"), async || {
            let files = files(&stage.folders)?;
            let held: u64 = files.iter().map(|(_, length)| length).sum();
            let full = files.iter().find(|(_, length)| *length > MAX_BYTES);
            if let Some((name, length)) = full {
                let what = format!("{name} is longer than {MAX_BYTES} bytes: {length}");
                return Err(what.into());
            }
            Ok((held >= written).then_some(()))
        })
        .await?;
        expect::eventually("what is too old is removed", async || {
            Ok((!stage.folders.state.join(OLD).exists()).then_some(()))
        })
        .await
    })
}

fn full_disk(mut reference: ReferenceSystem) -> Result<(), Failed> {
    set(&mut reference, &[("REDFLAG_AUDIT_FLUSH_MS", "50")]);
    // Every write there fails as on a full disk.
    let prepare = |folders: &Folders| {
        fs::remove_file(audit_log(folders))?;
        Ok(symlink("/dev/full", audit_log(folders))?)
    };
    with_prepared_agent(reference, prepare, async |stage| {
        let path = audit_log(&stage.folders);
        stage.agent_logs(0, "cannot be written").await?;
        fs::remove_file(&path)?;
        command(stage, 1).await?;
        let text = expect::eventually("the log goes on", async || {
            Ok(fs::read_to_string(&path).ok().filter(|text| text.contains("job_failed")))
        })
        .await?;
        match text.contains("agent_start") {
            true => Ok(()),
            false => Err("records are lost with the full disk: that of the start is".into()),
        }
    })
}

fn refusals(mut reference: ReferenceSystem) -> Result<(), Failed> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/", listener.local_addr()?);
    set(&mut reference, &[("REDFLAG_AUDIT_COLLECTOR", &url), ("REDFLAG_AUDIT_FLUSH_MS", "50")]);
    let mut listener = Some(listener);
    with_prepared_agent(
        reference,
        |_| Ok(()),
        async |stage| {
            let collector = Collector::start(listener.take().ok_or("the collector runs already")?)?;
            let failed = |record: &&Value| record["type"] == "job_failed";
            command(stage, 1).await?;
            let refused = expect::eventually("a record is refused", async || {
                let refused = collector.records().refused.clone();
                Ok(refused.iter().any(|record| failed(&record)).then_some(refused))
            })
            .await?;
            collector.records().accepts = true;
            command(stage, 2).await?;
            let taken = expect::eventually("a later record is taken", async || {
                let taken = collector.records().taken.clone();
                let later = taken.iter().filter(failed).any(|record| !refused.contains(record));
                Ok(later.then_some(taken))
            })
            .await?;
            match refused.iter().filter(|record| !taken.contains(record)).count() {
                0 => Ok(()),
                lost => {
                    Err(format!("{lost} records that were refused never reach the collector")
                        .into())
                }
            }
        },
    )
}

/// Takes records once it is told to, and refuses them until then.
#[derive(Debug)]
struct Collector {
    records: Arc<Mutex<Records>>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Records {
    accepts: bool,
    refused: Vec<Value>,
    taken: Vec<Value>,
}

impl Collector {
    fn start(listener: std::net::TcpListener) -> Result<Self, Failed> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let records = Arc::new(Mutex::new(Records::default()));
        let kept = records.clone();
        let take = async move |Json(batch): Json<Vec<Value>>| {
            let mut records = kept.lock().unwrap_or_else(PoisonError::into_inner);
            if records.accepts {
                records.taken.extend(batch);
                return StatusCode::OK;
            }
            records.refused.extend(batch);
            StatusCode::SERVICE_UNAVAILABLE
        };
        let router = Router::new().route("/", post(take));
        let server = tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { records, server })
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Has the agent carry out a command, which fails and makes records: an update to what is not there.
async fn command(stage: &Stage<'_>, number: u32) -> Result<(), Failed> {
    let path = format!("/agents/{}/update", stage.agent_id()?);
    let body = json!({"platform": "linux-amd64", "version": format!("9.9.{number}")});
    stage.administrate(&path, &body).await?.with_status("an update command", 200).map(drop)
}

fn set(reference: &mut ReferenceSystem, variables: &[(&str, &str)]) {
    for part in reference.system.parts.iter_mut().filter(|part| part.name == "agent") {
        let own = variables.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        part.environment.extend(own);
    }
}

fn audit_log(folders: &Folders) -> PathBuf {
    folders.state.join("audit.log")
}

/// The files of the audit log with their lengths in bytes.
fn files(folders: &Folders) -> Result<Vec<(String, u64)>, Failed> {
    let mut files = Vec::new();
    for entry in fs::read_dir(&folders.state)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with("audit") && Path::new(&name).extension().is_some_and(|end| end == "log")
        {
            // It may be put aside or removed meanwhile.
            files.push((name, fs::metadata(&path).map_or(0, |file| file.len())));
        }
    }
    Ok(files)
}
