//! Signatures: commands are carried out once and as they were signed, keys are replaced and
//! revoked and lie nowhere in the clear, and programs are signed.

use std::fs;

use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use harness::environment::Environment;
use libtest_mimic::Failed;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::ConnectOptions;
use tempfile::TempDir;
use uuid::Uuid;

use crate::both_ways::both_ways;
use crate::calls::{call, text_at};
use crate::database::superuser;
use crate::meddler::Meddler;
use crate::server_calls::Server;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect, installation};

const AGENT: &str = "agent-1";
/// A kind of command that no agent knows: it says so when it is asked to carry one out.
const UNKNOWN_KIND: &str = "dance";
/// What is given out as the program of an agent.
const PROGRAM: &[u8] = b"the program of an agent";

/// A command is carried out once, and as it was signed.
pub const COMMANDS_ARE_CARRIED_OUT_AS_SIGNED: Scenario = Scenario {
    name: "commands_are_carried_out_once_and_as_signed",
    show: |backend| both_ways(backend, "V1-REPLAY", "carried out", judge_commands),
};

/// A key is replaced under the agents' feet, and a revoked one signs nothing any more.
pub const KEYS_ARE_REPLACED: Scenario = Scenario {
    name: "signing_keys_are_replaced_and_revoked",
    show: |backend| both_ways(backend, "R2-ROTATE", "a rotation", judge_rotation),
};

/// Nobody who reads the database or the server's configuration can sign.
pub const NO_KEY_LIES_IN_THE_CLEAR: Scenario = Scenario {
    name: "no_signing_key_lies_in_the_clear",
    show: |backend| both_ways(backend, "T3", "in the clear", judge_keeping),
};

/// A program comes with a signature that its key confirms, and a first install demands it.
pub const PROGRAMS_ARE_SIGNED: Scenario = Scenario {
    name: "programs_are_signed",
    show: |backend| both_ways(backend, "R2-SIGN", "altered on its way", judge_programs),
};

#[expect(clippy::needless_pass_by_value, reason = "the form of every judge")]
fn judge_commands(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.agent_named(AGENT).await?;
        let meddler = Meddler::between(environment, AGENT).await?;
        let given = plant_command(environment, &agent).await?;
        let seen = expect::eventually("the command goes by", async || {
            Ok(meddler.seen().into_iter().find(|command| command["id"] == json!(given)))
        })
        .await?;
        carried_out(&server, &agent, given).await?;

        let altered = with(&with(&seen, "id", json!(Uuid::new_v4())), "params", json!({"all": 1}));
        let mut unsigned = with(&seen, "id", json!(Uuid::new_v4()));
        unsigned.as_object_mut().ok_or("no object")?.remove("signature");
        let longer = with(&seen, "expires_at", json!("2999-01-01T00:00:00Z"));
        let forged = [seen.clone(), with(&longer, "id", json!(Uuid::new_v4())), altered, unsigned];
        meddler.add(forged.clone());
        expect::eventually("the forged commands are handed out", async || {
            Ok(meddler.is_done().then_some(()))
        })
        .await?;
        let last = plant_command(environment, &agent).await?;
        carried_out(&server, &agent, last).await?;
        expect::eventually("the agent tells what came of its commands", async || {
            let recent = server.ask("/commands/recent").await?;
            let commands = recent["commands"].as_array().into_iter().flatten();
            let failed = commands.filter(|command| command["status"] == "failed");
            Ok((failed.count() == 2).then_some(()))
        })
        .await?;
        let events = server.events_of(&agent).await?;
        let done: Vec<&Value> = events.iter().filter(|event| is_carried_out(event)).collect();
        let done: Vec<&Value> = done.iter().map(|event| &event["metadata"]["command_id"]).collect();
        expect::equal("commands carried out", &done, &vec![&json!(given), &json!(last)])
    })
}

#[expect(clippy::needless_pass_by_value, reason = "the form of every judge")]
fn judge_rotation(reference: ReferenceSystem) -> Result<(), Failed> {
    reference.observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.agent_named(AGENT).await?;
        let first = plant_command(environment, &agent).await?;
        carried_out(&server, &agent, first).await?;
        let before = primary(&server).await?;
        let rotated = call(server.administrate(Method::POST, "/admin/keys/rotate")?).await?;
        let after = text_at(&rotated.with_status("a rotation", 200)?, "/key_id")?;
        expect::equal("the key after a rotation is another", &(before != after), &true)?;
        expect::equal("the key that signs", &primary(&server).await?, &after)?;

        let revocation = |key: &str| format!("/admin/keys/{key}/revoke");
        let signing = call(server.administrate(Method::POST, &revocation(&after))?).await?;
        signing.refuses("the revocation of the key that signs", 409)?;
        let second = plant_command(environment, &agent).await?;
        carried_out(&server, &agent, second).await?;
        let revoked = call(server.administrate(Method::POST, &revocation(&before))?).await?;
        revoked.with_status("a revocation", 204)?;
        let keys = server.ask("/keys").await?;
        let keys = keys["keys"].as_array().ok_or("no keys")?.clone();
        let find = |id: &str| keys.iter().find(|key| key["key_id"] == id).cloned();
        let old = find(&before).ok_or("the revoked key is not listed")?;
        expect::equal("the old key is revoked", &old["revoked_at"].is_string(), &true)?;
        let new = find(&after).ok_or("the new key is not listed")?;
        expect::equal("who vouches for the new key", &new["endorsed_by"], &json!(before))?;
        let third = plant_command(environment, &agent).await?;
        carried_out(&server, &agent, third).await
    })
}

fn judge_keeping(mut reference: ReferenceSystem) -> Result<(), Failed> {
    let state = own_state(&mut reference)?;
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let keys = server.ask("/keys").await?;
        let public: Vec<String> = keys["keys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|key| key["public_key"].as_str().map(str::to_owned))
            .collect();
        expect::equal("keys", &public.len(), &1)?;
        let mut connection = superuser(environment)?.connect().await?;
        let query = "SELECT sealed_private_key FROM signing_keys";
        let stored: Vec<Vec<u8>> = sqlx::query_scalar(query).fetch_all(&mut connection).await?;
        let mut places: Vec<(String, Vec<u8>)> =
            stored.into_iter().map(|bytes| ("the database".to_owned(), bytes)).collect();
        for entry in fs::read_dir(state.path())?.filter_map(Result::ok) {
            if let Ok(bytes) = fs::read(entry.path()) {
                places.push((entry.file_name().display().to_string(), bytes));
            }
        }
        match places.iter().find(|(_, bytes)| holds_private_half(bytes, &public)) {
            None => Ok(()),
            Some((place, _)) => Err(format!("a signing key lies in the clear in {place}").into()),
        }
    })
}

/// Whether some 32 bytes in a row, raw or as hexadecimal digits, are the private half of one of
/// these keys.
fn holds_private_half(bytes: &[u8], public: &[String]) -> bool {
    let is_private = |secret: &[u8; 32]| {
        let key = SigningKey::from_bytes(secret);
        public.contains(&to_hex(key.verifying_key().as_bytes()))
    };
    let mut raw = bytes.windows(32).filter_map(|window| window.try_into().ok());
    let mut digits = bytes.windows(64).filter_map(from_hex);
    raw.any(is_private) || digits.any(|secret| is_private(&secret))
}

fn judge_programs(mut reference: ReferenceSystem) -> Result<(), Failed> {
    let state = own_state(&mut reference)?;
    let downloads = state.path().join("downloads");
    fs::create_dir_all(&downloads)?;
    fs::write(downloads.join("redflag-agent-linux-amd64"), PROGRAM)?;
    reference.without_agents().observe(async |environment| {
        installation::judge(environment, PROGRAM).await?;
        let server = Server::of(environment)?;
        let keys = server.ask("/keys").await?;
        let request = server.open_request(Method::GET, "/downloads/linux-amd64");
        let answer = call(request).await?;
        let header = |name: &str| {
            let value = answer.headers.get(name).and_then(|value| value.to_str().ok());
            value.map(str::to_owned).ok_or_else(|| format!("a program without {name}"))
        };
        let (key_id, signature) = (header("x-signature-key")?, header("x-signature")?);
        let sha256 = header("x-content-sha256")?;
        let keys = keys["keys"].as_array().cloned().unwrap_or_default();
        let key = keys.iter().find(|key| key["key_id"] == json!(key_id)).ok_or("no such key")?;
        let text = json!(["program", sha256]).to_string();
        let fits = confirms(&text_at(key, "/public_key")?, &text, &signature);
        expect::equal("the x-signature of a program fits", &fits, &true)?;
        let other = json!(["program", "00"]).to_string();
        let fits = confirms(&text_at(key, "/public_key")?, &other, &signature);
        expect::equal("the x-signature fits another program", &fits, &false)
    })
}

/// Gives the server a folder that the scenario can look into.
fn own_state(reference: &mut ReferenceSystem) -> Result<TempDir, Failed> {
    let state = tempfile::tempdir()?;
    let server = reference.system.parts.iter_mut().find(|part| part.name == "server");
    let server = server.ok_or("the system has no server")?;
    let path = state.path().display().to_string();
    server.environment.insert("REDFLAG_SERVER_STATE".to_owned(), path);
    Ok(state)
}

async fn primary(server: &Server<'_>) -> Result<String, Failed> {
    let keys = server.ask("/keys").await?;
    let keys = keys["keys"].as_array().cloned().unwrap_or_default();
    let primary = keys.iter().find(|key| key["is_primary"] == true);
    text_at(primary.ok_or("no key signs")?, "/key_id")
}

/// Makes a command for the agent, past the server's calls.
async fn plant_command(environment: &Environment, agent: &str) -> Result<Uuid, Failed> {
    let mut connection = superuser(environment)?.connect().await?;
    let query = "INSERT INTO agent_commands (id, agent_id, command_type) VALUES ($1, $2::uuid, $3)";
    let id = Uuid::new_v4();
    let insert = sqlx::query(query).bind(id).bind(agent).bind(UNKNOWN_KIND);
    insert.execute(&mut connection).await?;
    Ok(id)
}

/// Waits until the agent says what it made of the command.
async fn carried_out(server: &Server<'_>, agent: &str, command: Uuid) -> Result<(), Failed> {
    expect::eventually("a command is carried out", async || {
        let events = server.events_of(agent).await?;
        let about = |event: &&Value| event["metadata"]["command_id"] == json!(command);
        match events.iter().find(about) {
            None => Ok(None),
            Some(event) if is_carried_out(event) => Ok(Some(())),
            Some(event) => Err(format!("the command is not carried out: {event}").into()),
        }
    })
    .await
}

fn is_carried_out(event: &Value) -> bool {
    event["metadata"]["command_type"] == UNKNOWN_KIND && event["event_subtype"] == "warning"
}

fn with(command: &Value, field: &str, value: Value) -> Value {
    let mut command = command.clone();
    command[field] = value;
    command
}

fn confirms(public_key: &str, text: &str, signature: &str) -> bool {
    let key = from_hex(public_key.as_bytes()).and_then(|key| VerifyingKey::from_bytes(&key).ok());
    let signature = from_hex(signature.as_bytes()).map(|bytes| Signature::from_bytes(&bytes));
    match (key, signature) {
        (Some(key), Some(signature)) => key.verify_strict(text.as_bytes(), &signature).is_ok(),
        _ => false,
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.len() == 2 * N)?;
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(bytes)
}
