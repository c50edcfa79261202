//! A headless Chromium, driven by its own protocol over a pair of pipes: no driver program, no port
//! and no crate is needed for the few commands that scenarios give.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::expect;

/// Its names, in the order in which they are tried.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
/// It reads commands from the one and writes answers to the other; what it prints is of no interest.
const PIPES: &str = "exec \"$0\" \"$@\" 3<&0 4>&1 >/dev/null 2>&1 </dev/null";
/// How long a page may take to evaluate something; one that is leaving never does.
const LEAVING: Duration = Duration::from_secs(2);
/// Where the pictures go, if anybody wants them.
const PICTURES: &str = "SCENARIO_PICTURES";

/// A browser with one page.
#[derive(Debug)]
pub struct Chromium {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    session: Option<String>,
    last: u64,
    /// What has come of the next message.
    partial: Vec<u8>,
    /// What its console has said is wrong.
    complaints: Vec<String>,
    _profile: TempDir,
}

impl Chromium {
    /// Starts a browser that knows nothing of any earlier one.
    ///
    /// # Errors
    /// When there is none, or it does not answer.
    pub async fn start() -> Result<Self, Failed> {
        let program = find().ok_or(
            "there is no Chromium on this machine; install one: sudo apt-get install chromium",
        )?;
        let profile = tempfile::tempdir()?;
        let mut command = Command::new("sh");
        command.args(["-c", PIPES]).arg(program).args([
            "--headless=new",
            "--remote-debugging-pipe",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--no-proxy-server",
            "--disable-background-networking",
            "--disable-component-update",
        ]);
        // Its sandbox refuses root; it sees nothing here but our own pages.
        if std::fs::metadata("/proc/self")
            .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
        {
            command.arg("--no-sandbox");
        }
        command.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn()?;
        let commands = child.stdin.take().ok_or("no pipe to Chromium")?;
        let answers = BufReader::new(child.stdout.take().ok_or("no pipe from Chromium")?);
        let mut chromium = Self {
            child,
            commands,
            answers,
            session: None,
            last: 0,
            partial: Vec::new(),
            complaints: Vec::new(),
            _profile: profile,
        };
        let target = chromium.call("Target.createTarget", json!({"url": "about:blank"})).await?;
        let attach = json!({"targetId": target["targetId"], "flatten": true});
        let attached = chromium.call("Target.attachToTarget", attach).await?;
        chromium.session = attached["sessionId"].as_str().map(str::to_owned);
        chromium.call("Page.enable", json!({})).await?;
        chromium.call("Accessibility.enable", json!({})).await?;
        chromium.call("Log.enable", json!({})).await?;
        chromium.call("Runtime.enable", json!({})).await?;
        Ok(chromium)
    }

    /// Goes to an address. The page may still be loading when this returns.
    ///
    /// # Errors
    /// When nobody is there.
    pub async fn go(&mut self, url: &str) -> Result<(), Failed> {
        let gone = self.call("Page.navigate", json!({"url": url})).await?;
        match gone["errorText"].as_str() {
            None => Ok(()),
            Some(error) => Err(format!("Chromium cannot go to {url}: {error}").into()),
        }
    }

    /// The value of an expression in the page; null while it gives way to another page.
    ///
    /// # Errors
    /// When Chromium does not answer.
    pub async fn evaluate(&mut self, expression: &str) -> Result<Value, Failed> {
        let wanted = json!({"expression": expression, "returnByValue": true});
        // What is asked of a page that is leaving may get no answer at all.
        match timeout(LEAVING, self.call("Runtime.evaluate", wanted)).await {
            Ok(seen) => Ok(seen?["result"]["value"].take()),
            Err(_) => Ok(Value::Null),
        }
    }

    /// What the console has said is wrong, so far.
    pub fn complaints(&self) -> Vec<String> {
        self.complaints.clone()
    }

    /// Makes the page as wide as a phone's.
    ///
    /// # Errors
    /// When Chromium does not answer.
    pub async fn width(&mut self, pixels: u32) -> Result<(), Failed> {
        let metrics =
            json!({"width": pixels, "height": 740, "deviceScaleFactor": 2, "mobile": true});
        self.call("Emulation.setDeviceMetricsOverride", metrics).await.map(drop)
    }

    /// What a screen reader is told of the page, without what it is told to pass over.
    ///
    /// # Errors
    /// When Chromium does not answer.
    pub async fn accessibility(&mut self) -> Result<Vec<Value>, Failed> {
        let mut tree = self.call("Accessibility.getFullAXTree", json!({})).await?;
        let nodes = tree["nodes"].take();
        let nodes = nodes.as_array().ok_or("Chromium tells of no page")?;
        Ok(nodes.iter().filter(|node| node["ignored"] != true).cloned().collect())
    }

    /// Takes a picture of the page, for people, if the environment names a folder for it.
    ///
    /// # Errors
    /// When Chromium does not answer, or the picture cannot be written.
    pub async fn screenshot(&mut self, name: &str) -> Result<(), Failed> {
        let Some(folder) = std::env::var_os(PICTURES).map(PathBuf::from) else { return Ok(()) };
        let wanted = json!({"format": "png", "captureBeyondViewport": true});
        let picture = self.call("Page.captureScreenshot", wanted).await?;
        let base64 = picture["data"].as_str().unwrap_or_default();
        let name = name.replace('/', "-");
        Ok(std::fs::write(folder.join(format!("page{name}.png.base64")), base64)?)
    }

    /// Ends it.
    pub async fn stop(mut self) {
        let _ = self.call("Browser.close", json!({})).await;
        let _ = timeout(expect::BOUND, self.child.wait()).await;
    }

    /// Gives a command and waits for its result.
    async fn call(&mut self, method: &str, parameters: Value) -> Result<Value, Failed> {
        self.last += 1;
        let mut command = json!({"id": self.last, "method": method, "params": parameters});
        let of_browser = ["Target.", "Browser."].iter().any(|of| method.starts_with(of));
        if let Some(session) = self.session.as_ref().filter(|_| !of_browser) {
            command["sessionId"] = json!(session);
        }
        self.commands.write_all(format!("{command}\0").as_bytes()).await?;
        let answer = timeout(expect::BOUND, self.answer()).await;
        let mut answer = answer.map_err(|_| format!("Chromium does not answer {method}"))??;
        match answer["error"]["message"].as_str() {
            None => Ok(answer["result"].take()),
            // The page gives way to another while it is asked.
            Some(error) if method == "Runtime.evaluate" => {
                eprintln!("not evaluated: {error}");
                Ok(Value::Null)
            }
            Some(error) => Err(format!("Chromium refuses {method}: {error}").into()),
        }
    }

    /// The answer to the last command. Of what else it tells, errors are kept.
    async fn answer(&mut self) -> Result<Value, Failed> {
        loop {
            if self.answers.read_until(0, &mut self.partial).await? == 0 {
                return Err("Chromium has ended".into());
            }
            let mut message = std::mem::take(&mut self.partial);
            message.pop();
            let message: Value = serde_json::from_slice(&message)?;
            if message["id"] == self.last {
                return Ok(message);
            }
            self.complaints.extend(complaint(&message));
        }
    }
}

/// What a message of the browser says is wrong, if it does.
fn complaint(message: &Value) -> Option<String> {
    let told = &message["params"];
    let wrong = match message["method"].as_str()? {
        "Runtime.exceptionThrown" => &told["exceptionDetails"],
        "Runtime.consoleAPICalled" if told["type"] == "error" => &told["args"],
        "Log.entryAdded" if told["entry"]["level"] == "error" => &told["entry"]["text"],
        _ => return None,
    };
    Some(wrong.to_string())
}

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let places = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}
