//! `harness sensitivity` as people use it: on a ledger whose detectors are a few words of shell.

use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

mod program;

/// Each kind answers by the detector's name and by whether the defect is planted.
const KINDS: &str = r#"
[detectors.check]
command = ["sh", "-c", '''case "$1,$2" in
  leak,LEAK) echo "found LEAK: 3 drops"; exit 1;;
  other,*?) echo "found something"; exit 1;;
  loud,*) echo "found LOUD: red"; exit 1;;
  failing,*) echo "no compiler"; exit 2;;
  pair,PAIR-1,PAIR-2) echo "found PAIR-1: one"; echo "found PAIR-2: two"; exit 1;;
esac''', "check", "{name}", "{defects}"]
evidence = "found {id}: "

[detectors.absent]
command = ["/nowhere/detector"]
evidence = "{id}"

[detectors.unprepared]
prepare = ["sh", "-c", "echo it does not compile; exit 7"]
command = ["true"]
evidence = "{id}"

[detectors.endless]
command = ["sh", "-c", "echo $$ > \"$0/process\"; exec sleep 1000", "{folder}"]
evidence = "{id}"
"#;

fn ledger(folder: &Path, rows: &[(&str, &str)]) {
    let row = |(id, detector): &(&str, &str)| match *detector {
        "" => format!("{{ id = \"{id}\", title = \"t\", layer = \"L\", pending = true }}"),
        detector => {
            format!("{{ id = \"{id}\", title = \"t\", layer = \"L\", detector = \"{detector}\" }}")
        }
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    let text = format!("rows = [{}]\n{KINDS}", rows.join(", "));
    std::fs::write(folder.join("ledger.toml"), text).unwrap();
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program::program());
    command.args(["sensitivity", "--ledger", "ledger.toml", "--out", "out", "--json", "rows.json"]);
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).env("NO_COLOR", "1");
    command
}

/// The exit code, what was printed, and the rows of the JSON file.
fn examined(folder: &Path, arguments: &[&str]) -> (i32, String, Vec<Value>) {
    let Output { status, stdout, stderr } = command(folder, arguments).output().unwrap();
    let text = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    let json = std::fs::read(folder.join("rows.json")).unwrap_or_else(|_| b"{}".to_vec());
    let json: Value = serde_json::from_slice(&json).unwrap();
    (status.code().unwrap(), text, json["rows"].as_array().cloned().unwrap_or_default())
}

#[test]
fn every_row_is_told_by_what_its_detector_does() {
    let folder = tempfile::tempdir().unwrap();
    let rows = [
        ("LEAK", "check leak"),
        ("PAIR-1", "check pair"),
        ("PAIR-2", "check pair"),
        ("DEAF", "check deaf"),
        ("OTHER", "check other"),
        ("LOUD", "check loud"),
        ("FAILING", "check failing"),
        ("GONE", "absent gone"),
        ("RAW", "unprepared raw"),
        ("LATER", ""),
    ];
    ledger(folder.path(), &rows);
    let (code, text, told) = examined(folder.path(), &[]);
    assert_eq!(code, 1, "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    let seen: Vec<String> = told
        .iter()
        .map(|row| {
            let word = |name: &str| row[name].to_string().trim_matches('"').to_owned();
            ["id", "outcome", "caught", "silent_without", "evidence"].map(word).join(" | ")
        })
        .collect();
    assert_eq!(
        seen,
        [
            "LEAK | caught | true | true | found LEAK: 3 drops",
            "PAIR-1 | caught | true | true | found PAIR-1: one",
            "PAIR-2 | caught | true | true | found PAIR-2: two",
            "DEAF | missed | false | true | it is planted, and nothing was found",
            "OTHER | missed | false | true | something else was found: found something",
            "LOUD | not-silent | true | false | found where nothing is planted: found LOUD: red",
            "FAILING | broken | null | null | it ended with 2: no compiler",
            "GONE | broken | null | null | cannot start `/nowhere/detector`: \
             No such file or directory (os error 2)",
            "RAW | broken | null | null | it could not be made ready: it does not compile",
            "LATER | pending | null | null | ",
        ]
    );
    assert!(text.contains("3 broken, 1 not silent, 2 missed, 3 caught, 1 pending"), "{text}");
}

#[test]
fn the_exit_code_tells_the_worst() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path(), &[("LEAK", "check leak"), ("GONE", "absent x"), ("LATER", "")]);
    for (only, code) in [("LEAK,LATER", 0), ("LEAK,GONE", 4), ("NONE", 2)] {
        let (seen, text, _) = examined(folder.path(), &["--only", only]);
        assert_eq!(seen, code, "{only}: {text}");
    }
}

#[test]
fn interrupted_it_leaves_no_detector() {
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path(), &[("SLOW", "endless x")]);
    let child = command(folder.path(), &[]).stderr(Stdio::null()).spawn().unwrap();
    let detector = wait_for(|| process_of_a_detector(&folder.path().join("out")));
    let (code, signalled) = interrupt(child);
    assert!(signalled);
    assert_eq!(code, Some(130));
    let running = format!("/proc/{detector}");
    wait_for(|| (!Path::new(&running).exists()).then_some(()));
}

fn interrupt(mut child: Child) -> (Option<i32>, bool) {
    let id = Pid::from_raw(child.id().cast_signed()).unwrap();
    let signalled = kill_process(id, Signal::INT).is_ok();
    (child.wait().unwrap().code(), signalled)
}

/// The process that a detector has noted in its folder.
fn process_of_a_detector(out: &Path) -> Option<u32> {
    let below = |folder: &Path| -> Vec<_> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    };
    let runs = below(out).into_iter().flat_map(|run| below(&run.join("logs")));
    let noted = |run: std::path::PathBuf| std::fs::read_to_string(run.join("process")).ok();
    runs.filter_map(noted).find_map(|text| text.trim().parse().ok())
}

fn wait_for<T>(look: impl Fn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < deadline, "in vain");
        std::thread::sleep(Duration::from_millis(20));
    }
}
