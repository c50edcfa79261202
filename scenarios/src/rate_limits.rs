//! Rate limits: a bucket belongs to who calls, not to what the call says of itself; each class has
//! its own; and a refused caller is told exactly when to come back.

use std::cell::Cell;

use futures_util::future::try_join_all;
use harness::checkers::RATE_LIMIT;
use harness::environment::Environment;
use harness::history::{Action, Call, Phase};
use libtest_mimic::Failed;
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use crate::both_ways::both_ways;
use crate::calls::{Answer, call};
use crate::server_calls::Server;
use crate::side_by_side::{HeldRows, waiting};
use crate::system_run::{ReferenceSystem, holds};
use crate::{Scenario, expect};

/// Small budgets that are not filled again while a scenario looks.
const BUDGETS: &str = "check-in=5/3600,events=5/3600,reports=5/3600,public=5/3600";
const CALLS: usize = 5;
/// Fewer than the connections that the server has to its database.
const SIDE_BY_SIDE: usize = 8;

/// An agent gets no second bucket by naming another agent in the path.
pub const PATHS_OPEN_NO_BUCKET: Scenario = Scenario {
    name: "another_agents_path_opens_no_bucket",
    show: |backend| both_ways(backend, "PS-PATH", "with the id of another agent", judge_paths),
};

/// A caller gets no second bucket by claiming another address.
pub const HEADERS_OPEN_NO_BUCKET: Scenario = Scenario {
    name: "a_forged_address_opens_no_bucket",
    show: |backend| both_ways(backend, "PS-XFF", "with a forged address", judge_addresses),
};

/// Check-ins are limited, and the limit says when it ends.
pub const CHECK_INS_ARE_LIMITED: Scenario = Scenario {
    name: "check_ins_are_limited",
    show: |backend| both_ways(backend, "PS-CHECKIN", "a check-in too many", judge_check_ins),
};

/// No class uses up what another needs, and health is never limited.
pub const CLASSES_ARE_APART: Scenario = Scenario {
    name: "classes_of_calls_have_buckets_of_their_own",
    show: |backend| both_ways(backend, "A3-BURST", "its check-in", judge_classes),
};

/// Calls side by side get what the bucket holds, no more.
pub const LIMITS_ARE_EXACT: Scenario = Scenario {
    name: "calls_side_by_side_get_what_the_bucket_holds",
    show: |backend| both_ways(backend, "A3-LOAD", "admitted beyond the bucket", judge_exactness),
};

fn judge_paths(reference: ReferenceSystem) -> Result<(), Failed> {
    limited(reference, async |server| {
        let agent = server.new_agent("machine").await?;
        for _ in 0..CALLS {
            server.check_in(&agent.id, &agent.token).await?.with_status("a check-in", 200)?;
        }
        too_many("a check-in too many", server.check_in(&agent.id, &agent.token).await?)?;
        for _ in 0..CALLS {
            let path = format!("/agents/{}/commands", Uuid::new_v4());
            let request = server.open_request(Method::GET, &path).bearer_auth(&agent.token);
            let answer = call(request.header(crate::server_calls::MACHINE, "machine")).await?;
            too_many("a check-in with the id of another agent", answer)?;
        }
        Ok(())
    })
}

fn judge_addresses(reference: ReferenceSystem) -> Result<(), Failed> {
    limited(reference, async |server| {
        let log_in = async |address: &str| {
            let login = json!({"username": "nobody", "password": "nothing"});
            let request = server.open_request(Method::POST, "/auth/login").json(&login);
            call(request.header("x-forwarded-for", address)).await
        };
        // The harness has logged in from here already.
        let mut answer = log_in("192.0.2.1").await?;
        for _ in 0..CALLS {
            answer = log_in("192.0.2.1").await?;
        }
        too_many("a login too many", answer)?;
        for last in 2..7 {
            let answer = log_in(&format!("192.0.2.{last}")).await?;
            too_many("a login with a forged address", answer)?;
        }
        Ok(())
    })
}

fn judge_check_ins(reference: ReferenceSystem) -> Result<(), Failed> {
    limited(reference, async |server| {
        let agent = server.new_agent("machine").await?;
        for _ in 0..CALLS {
            server.check_in(&agent.id, &agent.token).await?.with_status("a check-in", 200)?;
        }
        too_many("a check-in too many", server.check_in(&agent.id, &agent.token).await?)
    })
}

fn judge_classes(reference: ReferenceSystem) -> Result<(), Failed> {
    limited(reference, async |server| {
        let (one, other) = (server.new_agent("one").await?, server.new_agent("other").await?);
        let empty = || json!({"events": []}).to_string();
        for _ in 0..CALLS {
            let sent = server.send(&one.id, Some(&one.token), empty()).await?;
            sent.with_status("a batch", 200)?;
        }
        too_many("a batch too many", server.send(&one.id, Some(&one.token), empty()).await?)?;
        server.check_in(&one.id, &one.token).await?.with_status("its check-in", 200)?;
        let sent = server.send(&other.id, Some(&other.token), empty()).await?;
        sent.with_status("another agent's batch", 200)?;
        for _ in 0..CALLS * 10 {
            let request = server.open_request(Method::GET, "/health/ready");
            call(request).await?.with_status("health", 200)?;
        }
        server.ask("/stats/summary").await.map(drop)
    })
}

fn judge_exactness(reference: ReferenceSystem) -> Result<(), Failed> {
    let recorder = reference.recorder.clone();
    limited(reference, async |server| {
        let agent = server.new_agent("machine").await?;
        let mut rows = HeldRows::of(server.environment()).await?;
        let (held, looker) = rows.hold("SELECT FROM agents FOR UPDATE").await?;
        let refused = Cell::new(0);
        let check_in = async || {
            let operation = recorder.invoke("caller", limited_call(&agent.id, None));
            let answer = server.check_in(&agent.id, &agent.token).await?;
            let admitted = answer.status != 429;
            refused.set(refused.get() + usize::from(!admitted));
            let phase = if admitted { Phase::Ok } else { Phase::Fail };
            let wait = header(&answer, "retry-after");
            recorder.complete(operation, phase, limited_call(&agent.id, wait));
            Ok::<_, Failed>(())
        };
        let release = async {
            expect::eventually("each call waits or is refused", async || {
                let seen = usize::try_from(waiting(looker).await?)? + refused.get();
                Ok((seen == SIDE_BY_SIDE).then_some(()))
            })
            .await?;
            Ok::<_, Failed>(held.rollback().await?)
        };
        let calls = try_join_all((0..SIDE_BY_SIDE).map(|_| check_in()));
        tokio::try_join!(calls, release)?;
        holds(&recorder, RATE_LIMIT)
    })
}

/// A check-in as the history has it.
fn limited_call(agent: &str, wait: Option<u64>) -> Action {
    Action::Call(Call { caller: agent.to_owned(), holds: CALLS as u32, fills_in: 3_600_000, wait })
}

fn header(answer: &Answer, name: &str) -> Option<u64> {
    answer.headers.get(name).and_then(|value| value.to_str().ok()?.parse().ok())
}

fn limited(
    mut reference: ReferenceSystem,
    look: impl AsyncFnOnce(&Server<'_>) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let server = reference.system.parts.iter_mut().find(|part| part.name == "server");
    let server = server.ok_or("the system has no server")?;
    server.environment.insert("REDFLAG_RATE_LIMITS".to_owned(), BUDGETS.to_owned());
    let reference = reference.without_agents();
    reference.observe(async |environment: &Environment| look(&Server::of(environment)?).await)
}

/// The refusal of a call too many: it says when to come back, which is when one call's share of
/// the period is over, and not a second later.
fn too_many(what: &str, answer: Answer) -> Result<(), Failed> {
    let header = |name: &str| header(&answer, name);
    let (wait, limit) = (header("retry-after"), header("x-ratelimit-limit"));
    let (remaining, reset) = (header("x-ratelimit-remaining"), header("x-ratelimit-reset"));
    answer.refuses(what, 429)?;
    let share = 3600 / CALLS as u64;
    let waits = wait.is_some_and(|seconds| (1..=share).contains(&seconds));
    expect::equal(&format!("{what} waits for {wait:?} s of {share}"), &waits, &true)?;
    expect::equal(&format!("{what}: limit"), &limit, &Some(CALLS as u64))?;
    expect::equal(&format!("{what}: remaining"), &remaining, &Some(0))?;
    expect::equal(&format!("{what}: a time of reset"), &reset.is_some(), &true)
}
