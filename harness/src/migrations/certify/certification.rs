//! Carries a certification through: every case that was asked for, side by side.

use std::time::Instant;

use futures_util::{StreamExt, stream};

use super::CertifyError;
use super::blueprint::Blueprint;
use super::ground::Ground;
use super::plan::{Case, cases};
use super::scene::Scene;
use super::verdict::{Certification, NotTried, Row, VERSION};
use crate::checkers::Outcome;
use crate::environment::postgres::binaries::Binaries;

/// How many cases go on at once. Most of their time is spent waiting for PostgreSQL.
const SIDE_BY_SIDE: usize = 4;

/// Certifies a server: plays the cases of these names or groups, or all if none is named, and
/// tells of each as soon as it is over.
///
/// # Errors
/// When no case has such a name, or PostgreSQL does not start. What goes wrong within a case makes
/// its row unknown.
pub async fn certify(
    blueprint: &Blueprint,
    only: &[String],
    tell: impl Fn(&Row),
) -> Result<Certification, CertifyError> {
    let start = Instant::now();
    let (cases, mut left_out) = cases(blueprint)?;
    let chosen = choose(cases, only, &mut left_out)?;
    let ground = Ground::start(blueprint, "postgresql").await?;
    let plays = chosen.iter().enumerate().map(async |(number, case)| {
        let row = play(&ground, case).await;
        tell(&row);
        (number, row)
    });
    let mut rows: Vec<(usize, Row)> =
        stream::iter(plays).buffer_unordered(SIDE_BY_SIDE).collect().await;
    rows.sort_by_key(|(number, _)| *number);
    let rows: Vec<Row> = rows.into_iter().map(|(_, row)| row).collect();
    Ok(Certification {
        version: VERSION,
        server: blueprint.file.name.clone(),
        postgresql: Binaries::find().map_or_else(|_| String::new(), |it| it.version().text.clone()),
        defects: blueprint.defects.clone(),
        migrations: blueprint.migrations(),
        outcome: Outcome::worst(rows.iter().map(|row| row.outcome)),
        rows,
        left_out,
        duration_ms: milliseconds(start),
    })
}

/// The cases that were asked for; the others are left out, and it is said so.
fn choose(
    cases: Vec<Case>,
    only: &[String],
    left_out: &mut Vec<NotTried>,
) -> Result<Vec<Case>, CertifyError> {
    if only.is_empty() {
        return Ok(cases);
    }
    if let Some(name) = only.iter().find(|name| !cases.iter().any(|case| case.is_asked_for(name))) {
        let mut known: Vec<&str> = cases.iter().map(|case| case.name.group.as_str()).collect();
        known.dedup();
        return Err(CertifyError::UnknownCase { name: name.clone(), known: known.join(", ") });
    }
    let (chosen, others): (Vec<Case>, Vec<Case>) =
        cases.into_iter().partition(|case| only.iter().any(|name| case.is_asked_for(name)));
    if !others.is_empty() {
        left_out.push(NotTried {
            what: format!("{} other cases", others.len()),
            why: "not asked for; leave out --only to play every case".to_owned(),
        });
    }
    Ok(chosen)
}

async fn play(ground: &Ground<'_>, case: &Case) -> Row {
    let start = Instant::now();
    let scene = Scene { ground, case: &case.name.case };
    match case.play(scene).await {
        Ok(seen) => Row::of(case.name.clone(), seen, milliseconds(start)),
        Err(error) => Row::unknown(case.name.clone(), error.to_string(), milliseconds(start)),
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
