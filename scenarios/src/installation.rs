//! The first install of an agent, by the server's own script: only a program that a key of the
//! server signed is put in place.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{OriginalUri, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use harness::environment::Environment;
use libtest_mimic::Failed;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::calls::part;
use crate::expect;

/// A key that signs nothing here.
const STRANGE_KEY: &str = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";

/// Somebody between a new machine and the server, who changes programs on their way.
struct Forger {
    url: String,
    serving: JoinHandle<()>,
}

/// A machine that gets its first agent.
struct Machine {
    folder: TempDir,
}

/// Whether this `program` of the server is installed as it is, and nothing else is.
///
/// # Errors
/// It is not, or something else is.
pub async fn judge(environment: &Environment, program: &[u8]) -> Result<(), Failed> {
    let server = part(environment, "server")?.url();
    let url = format!("{server}/api/v1/install/linux-amd64");
    let script = environment.http().get(url).send().await?.error_for_status()?.bytes().await?;

    let forger = Forger::before(environment, server).await?;
    let machine = Machine::with(&script)?;
    machine.install(&[("REDFLAG_SERVER_URL", &forger.url)]).await?;
    let installed = machine.program().is_some();
    expect::equal("a program that was altered on its way is installed", &installed, &false)?;

    let other_key = [("REDFLAG_SERVER_URL", server), ("REDFLAG_SIGNING_KEY", STRANGE_KEY)];
    machine.install(&other_key).await?;
    let installed = machine.program().is_some();
    expect::equal("a program that another key signed is installed", &installed, &false)?;

    let output = machine.install(&[("REDFLAG_SERVER_URL", server)]).await?;
    let said = String::from_utf8_lossy(&output.stderr);
    let is_whole = machine.program().as_deref() == Some(program);
    expect::equal(&format!("the server's program is installed ({said})"), &is_whole, &true)
}

impl Machine {
    fn with(script: &[u8]) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("install.sh"), script)?;
        Ok(Self { folder })
    }

    async fn install(&self, settings: &[(&str, &str)]) -> Result<Output, Failed> {
        let mut command = Command::new("sh");
        command.arg(self.folder.path().join("install.sh")).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("REDFLAG_INSTALL_DIR", self.folder.path().join("bin"));
        command.envs(settings.iter().copied()).kill_on_drop(true);
        Ok(tokio::time::timeout(expect::BOUND, command.output()).await??)
    }

    fn program(&self) -> Option<Vec<u8>> {
        std::fs::read(self.folder.path().join(Path::new("bin/redflag-agent"))).ok()
    }
}

impl Forger {
    async fn before(environment: &Environment, server: &str) -> Result<Self, Failed> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let behind = Arc::new((environment.http().clone(), server.to_owned()));
        let router = Router::new().fallback(forge).with_state(behind);
        let serving = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(Self { url, serving })
    }
}

impl Drop for Forger {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn forge(
    State(behind): State<Arc<(reqwest::Client, String)>>,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let (http, server) = behind.as_ref();
    let Ok(answer) = http.get(format!("{server}{uri}")).send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("content-length");
    let program = answer.bytes().await.unwrap_or_default();
    let mut response = Response::new(Body::from([&program, b" and more".as_slice()].concat()));
    (*response.status_mut(), *response.headers_mut()) = (status, headers);
    response
}
