//! A subscriber of the live stream that takes nothing: it holds up nobody, is cut, and resumes where
//! it was.

use std::fs;

use harness::environment::Environment;
use libtest_mimic::Failed;
use serde_json::json;
use sqlx::{ConnectOptions, raw_sql};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use uuid::Uuid;

use crate::calls::{part, value};
use crate::database::superuser;
use crate::propagation::stream::Stream;
use crate::server_calls::Server;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// Who does not read is cut, and others do not notice.
pub const SLOW_READERS_ARE_CUT: Scenario = Scenario {
    name: "a_slow_reader_of_the_stream_is_cut_and_resumes",
    show: |backend| judge(&ReferenceSystem::new(backend)?.without_agents()),
};

/// How much lies on the reader's side, in bytes.
const RECEIVE_BUFFER: u32 = 64 << 10;

fn judge(reference: &ReferenceSystem) -> Result<(), Failed> {
    reference.observe(async |environment| {
        let server = Server::of(environment)?;
        let mut database = superuser(environment)?.connect().await?;
        // More events than lie between server and reader when that takes none.
        raw_sql(
            "INSERT INTO system_events (id, event_type, event_subtype, severity, component, \
                 message, metadata) \
             SELECT gen_random_uuid(), 'agent_scan', 'success', 'info', 'agent', \
                 repeat('scan finished ', 20), '{}' FROM generate_series(1, 40000)",
        )
        .execute(&mut database)
        .await?;
        let mut slow = open(environment, None).await?;

        // A reader that reads has everything, and what comes meanwhile.
        let prompt = Stream::open(environment).await?;
        let agent = server.new_agent("machine").await?;
        let id = Uuid::now_v7().to_string();
        let event = json!({
            "id": id, "lane": "normal", "seq": 1, "event_type": "agent_scan",
            "event_subtype": "info", "severity": "info", "component": "agent",
            "message": "scan", "metadata": {}, "created_at": "2026-01-02T03:04:05Z",
        });
        let body = json!({"events": [event]}).to_string();
        server.send(&agent.id, Some(&agent.token), body).await?.with_status("a batch", 200)?;
        expect::eventually("the prompt reader has the new event", async || {
            Ok(prompt.has_shown(&id).then_some(()))
        })
        .await?;

        let port = slow.local_addr()?.port();
        expect::eventually("the server has cut the slow reader", async || {
            Ok((!is_served(port)?).then_some(()))
        })
        .await?;
        let mut read = Vec::new();
        // It ends with what was cut, which says so as an error.
        let cut = slow.read_to_end(&mut read).await;
        expect::equal("the stream ended by being cut", &cut.is_err(), &true)?;
        let mut positions = positions(&read);
        let all: Vec<i64> =
            sqlx::query_scalar("SELECT position FROM system_events ORDER BY position")
                .fetch_all(&mut database)
                .await?;
        expect::equal("not everything was taken", &(positions.len() < all.len()), &true)?;
        let mut resumed = open(environment, positions.last().copied()).await?;
        let last = format!("id: {}\n", all.last().ok_or("there are no events")?);
        let mut rest = Vec::new();
        let finish = async {
            while !contains_whole(&rest, last.as_bytes()) {
                if resumed.read_buf(&mut rest).await? == 0 {
                    return Err(Failed::from("the resumed stream ended"));
                }
            }
            Ok(())
        };
        tokio::time::timeout(expect::BOUND, finish)
            .await
            .map_err(|_| "the resumed stream does not come to its end")??;
        positions.extend(self::positions(&rest));
        positions.truncate(all.len());
        expect::equal("each event came once", &(positions == all), &true)
    })
}

/// Opens the stream behind a position, on a connection that takes little.
async fn open(environment: &Environment, after: Option<i64>) -> Result<TcpStream, Failed> {
    let address = part(environment, "server")?.url().trim_start_matches("http://");
    let token = value(environment, "admin_token")?;
    let last = after.map_or_else(String::new, |after| format!("Last-Event-ID: {after}\r\n"));
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    let mut stream = socket.connect(address.parse()?).await?;
    let request = format!(
        "GET /api/v1/events/stream HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {token}\r\n\
         {last}\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

/// Whether the kernel knows a socket whose other end has this port: the server's.
fn is_served(port: u16) -> Result<bool, Failed> {
    let other_end = format!(":{port:04X}");
    let sockets = fs::read_to_string("/proc/net/tcp")?;
    let mut remotes = sockets.lines().skip(1).filter_map(|line| line.split_whitespace().nth(2));
    Ok(remotes.any(|remote| remote.ends_with(&other_end)))
}

/// The positions of the whole messages in a piece of stream. Chunks end where messages end.
fn positions(text: &[u8]) -> Vec<i64> {
    let text = String::from_utf8_lossy(text);
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    whole.lines().filter_map(|line| line.strip_prefix("id: ")?.parse().ok()).collect()
}

/// Whether the text has the message that begins so, with its end.
fn contains_whole(text: &[u8], beginning: &[u8]) -> bool {
    let tail = &text[text.len().saturating_sub(4096)..];
    let found = tail.windows(beginning.len()).position(|window| window == beginning);
    found.is_some_and(|at| tail[at..].windows(2).any(|window| window == b"\n\n"))
}
