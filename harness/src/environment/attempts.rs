//! Takes down the calls of parts to each other, as the proxies in their links see them.

use std::collections::{HashMap, VecDeque};

use tokio::sync::mpsc::UnboundedReceiver;
use toxiproxy::{Seen, Sight};

use super::Link;
use crate::history::{Action, Attempt, OperationId, Phase, Recorder};

/// How a rate limit answers: RFC 6585, section 4.
const TOO_MANY_REQUESTS: u16 = 429;

/// Records what is seen until nothing can be seen any more.
pub(super) async fn record_attempts(mut sights: UnboundedReceiver<Sight>, recorder: Recorder) {
    let mut under_way: HashMap<(String, u64), VecDeque<(OperationId, Attempt)>> = HashMap::new();
    while let Some(Sight { proxy, connection, what }) = sights.recv().await {
        let caller = Link::from_of(&proxy).to_owned();
        let key = (proxy, connection);
        match what {
            Seen::Request(text) => {
                let call = name_call(&text);
                let attempt = Attempt::new(caller.clone(), call);
                let operation = recorder.invoke(&caller, Action::Attempt(attempt.clone()));
                under_way.entry(key).or_default().push_back((operation, attempt));
            }
            Seen::Response { status, retry_after: wait } => {
                let phase = if status < 400 { Phase::Ok } else { Phase::Fail };
                let first = under_way.get_mut(&key).and_then(VecDeque::pop_front);
                if let Some((operation, attempt)) = first {
                    let limited = status == TOO_MANY_REQUESTS;
                    let attempt = Attempt { limited, wait, ..attempt };
                    recorder.complete(operation, phase, Action::Attempt(attempt));
                }
            }
            Seen::End => {
                for (operation, attempt) in under_way.remove(&key).into_iter().flatten() {
                    let action = Action::Attempt(attempt);
                    recorder.complete(operation, Phase::Indeterminate, action);
                }
            }
        }
    }
}

/// A request without its query, and with a star for whatever in its path looks like an identity.
fn name_call(text: &str) -> String {
    const LONGEST_WORD: usize = 24;
    let path = text.split(['?', '#']).next().unwrap_or(text);
    let is_identity = |segment: &str| {
        let digits = segment.chars().filter(char::is_ascii_digit).count();
        segment.len() > LONGEST_WORD || (digits > 0 && digits == segment.len())
    };
    let named: Vec<&str> =
        path.split('/').map(|segment| if is_identity(segment) { "*" } else { segment }).collect();
    named.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Header;
    use crate::seed::Seed;

    #[test]
    fn a_call_is_named_without_what_differs_from_call_to_call() {
        let id = "0198f3a2-5b1c-7000-8000-000000000001";
        for (text, name) in [
            (format!("GET /api/v1/agents/{id}/commands?cpu=1"), "GET /api/v1/agents/*/commands"),
            ("POST /orders/17/lines".to_owned(), "POST /orders/*/lines"),
            ("GET /".to_owned(), "GET /"),
        ] {
            assert_eq!(name_call(&text), name);
        }
    }

    #[tokio::test]
    async fn requests_are_joined_with_their_answers_or_with_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let header = Header::new(Seed(1), "none", "none", "sample");
        let recorder = Recorder::create(&folder.path().join("history"), header).unwrap();
        let (sender, sights) = tokio::sync::mpsc::unbounded_channel();
        for (connection, what) in [
            (1, Seen::Request("GET /one".to_owned())),
            (2, Seen::Request("GET /two".to_owned())),
            (2, Seen::Response { status: 429, retry_after: Some(3) }),
            (1, Seen::Response { status: 204, retry_after: None }),
            (1, Seen::Request("GET /three".to_owned())),
            (1, Seen::End),
        ] {
            sender.send(Sight { proxy: "agent-1-to-server".to_owned(), connection, what }).unwrap();
        }
        drop(sender);
        record_attempts(sights, recorder.clone()).await;
        let history = recorder.history();
        let ends = history.entries().filter(|entry| entry.phase != Phase::Invoke);
        let ends: Vec<(&str, &str, Phase, Option<u64>)> = ends
            .filter_map(|entry| match &entry.action {
                Action::Attempt(attempt) => {
                    Some((&*attempt.caller, &*attempt.call, entry.phase, attempt.wait))
                }
                _ => None,
            })
            .collect();
        let expected = [
            ("agent-1", "GET /two", Phase::Fail, Some(3)),
            ("agent-1", "GET /one", Phase::Ok, None),
            ("agent-1", "GET /three", Phase::Indeterminate, None),
        ];
        assert_eq!(ends, expected);
    }
}
