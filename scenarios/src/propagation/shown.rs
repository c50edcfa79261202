//! The last hop, where users are: a browser is led through the list of events, and shows one of
//! every point.

use std::collections::BTreeSet;

use libtest_mimic::Failed;
use serde_json::Value;

use super::hops::stored;
use super::matrix::{points, triggered};
use crate::browser::visitor::Visitor;
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// Every point has a row in the list of events that can be seen.
pub const EVERY_POINT_IS_SHOWN: Scenario = Scenario {
    name: "an_event_of_every_point_is_shown",
    show: |backend| {
        triggered(ReferenceSystem::new(backend)?, async |stage, _| {
            let stored = stored(stage).await?;
            let mut visitor = Visitor::log_in(stage.environment).await?;
            let seen = seen(&mut visitor).await;
            visitor.leave().await;
            let seen = seen?;
            let shown = stored.into_iter().filter(|(id, _)| seen.contains(id));
            let shown: BTreeSet<String> = shown.filter_map(|(_, point)| point).collect();
            expect::equal("the points whose events are shown", &shown, &points()?)
        })
    },
};

/// The ids of the events in the list that take room on the page, over all of its pages.
async fn seen(visitor: &mut Visitor) -> Result<BTreeSet<String>, Failed> {
    const ROWS: &str = "[...document.querySelectorAll('tbody a[href^=\"/events/\"]')] \
        .filter(link => link.checkVisibility() && link.getBoundingClientRect().height > 0 \
            && link.textContent.trim() != '') \
        .map(link => link.getAttribute('href').slice('/events/'.length))";
    const OLDER: &str = "document.querySelector('a[href*=\"before=\"]')?.getAttribute('href')";
    let mut seen = BTreeSet::new();
    let mut path = Some("/events".to_owned());
    while let Some(next) = path {
        visitor.go(&next).await?;
        let rows = visitor.chromium.evaluate(ROWS).await?;
        let ids = rows.as_array().into_iter().flatten().filter_map(Value::as_str);
        seen.extend(ids.map(str::to_owned));
        path = visitor.chromium.evaluate(OLDER).await?.as_str().map(str::to_owned);
    }
    Ok(seen)
}
