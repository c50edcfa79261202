//! The event history in a real browser: shown, found, live, harmless, and fit for a phone and for
//! a screen reader.

pub mod chromium;
pub mod reports;
pub mod visitor;

use libtest_mimic::Failed;
use reqwest::Url;
use serde_json::{Value, json};
use uuid::Uuid;

use self::visitor::Visitor;
use crate::server_calls::{Agent, Server};
use crate::system_run::ReferenceSystem;
use crate::{Scenario, expect};

/// An event is on its pages, is found by filter and by search, and comes live.
pub const EVENTS_ARE_SHOWN: Scenario = Scenario {
    name: "events_are_shown_found_and_come_live",
    show: |backend| look(ReferenceSystem::new(backend)?, async |page| events_are_shown(page).await),
};

/// Nothing that an agent says becomes part of a page.
pub const TEXT_STAYS_TEXT: Scenario = Scenario {
    name: "what_an_agent_says_runs_nothing",
    show: |backend| look(ReferenceSystem::new(backend)?, async |page| text_stays_text(page).await),
};

/// Every page fits a phone, and has a name for whatever can be used on it.
pub const PAGES_FIT: Scenario = Scenario {
    name: "pages_fit_a_phone_and_a_screen_reader",
    show: |backend| look(ReferenceSystem::new(backend)?, async |page| pages_fit(page).await),
};

/// Does what nobody wants, if a browser takes it for markup or script.
const HOSTILE: &str = "</td></script><script>document.title='owned'</script>\
                       <img src=x onerror=\"document.title='owned'\">\"'><b id=owned>";
/// The width of a small phone, in CSS pixels.
const PHONE: u32 = 360;

/// A user who looks at pages, beside an agent that makes events.
struct Page<'a> {
    visitor: Visitor,
    server: &'a Server<'a>,
    agent: Agent,
    sent: u64,
}

fn look(
    reference: ReferenceSystem,
    judge: impl AsyncFnOnce(&mut Page<'_>) -> Result<(), Failed>,
) -> Result<(), Failed> {
    reference.without_agents().observe(async |environment| {
        let server = Server::of(environment)?;
        let agent = server.new_agent("workstation").await?;
        let visitor = Visitor::log_in(environment).await?;
        let mut page = Page { visitor, server: &server, agent, sent: 0 };
        let outcome = judge(&mut page).await;
        page.visitor.leave().await;
        outcome
    })
}

impl Page<'_> {
    /// The agent sends an event; its id.
    async fn send(&mut self, severity: &str, message: &str) -> Result<String, Failed> {
        self.sent += 1;
        let (id, lane) =
            (Uuid::now_v7(), if severity == "critical" { "critical" } else { "normal" });
        let event = json!({
            "id": id, "lane": lane, "seq": self.sent, "event_type": "agent_scan",
            "event_subtype": "info", "severity": severity, "component": "agent",
            "message": message, "metadata": {"note": message},
            "created_at": "2026-01-02T03:04:05Z",
        });
        let batch = json!({"events": [event]}).to_string();
        let sent = self.server.send(&self.agent.id, Some(&self.agent.token), batch).await?;
        expect::equal("the event", &sent.body["results"][0]["status"], &json!("stored"))?;
        Ok(id.to_string())
    }
}

/// What finds the link to an event among the rows of the list.
fn row(id: &str) -> String {
    format!("document.querySelector('tbody a[href=\"/events/{id}\"]')")
}

async fn events_are_shown(page: &mut Page<'_>) -> Result<(), Failed> {
    let quiet = page.send("info", "a platypus was seen").await?;
    let loud = page.send("error", "a wombat got away").await?;
    let agent = page.agent.id.clone();
    for path in ["/events".to_owned(), format!("/agents/{agent}")] {
        page.visitor.go(&path).await?;
        for event in [&quiet, &loud] {
            page.visitor.comes_true(&row(event)).await?;
        }
    }
    page.visitor.go("/events").await?;
    page.visitor.chromium.evaluate(&format!("{}.click()", row(&quiet))).await?;
    page.visitor
        .comes_true("document.querySelector('main').innerText.includes('a platypus was seen')")
        .await?;
    // By filter and by search, as the form does it.
    for (field, text) in [("severity", "error"), ("q", "wombat")] {
        page.visitor.go("/events").await?;
        let fill = format!("document.querySelector('[name={field}]').value = {}", json!(text));
        page.visitor.chromium.evaluate(&fill).await?;
        page.visitor
            .chromium
            .evaluate("document.querySelector('form.filters button').click()")
            .await?;
        page.visitor.comes_true(&format!("location.search.includes('{field}={text}')")).await?;
        page.visitor.comes_true(&format!("{} && !{}", row(&loud), row(&quiet))).await?;
    }
    // Still filtered by the word: of what comes now, one event fits and one does not.
    page.visitor
        .comes_true("document.getElementById('live-status').innerText.startsWith('Live')")
        .await?;
    let other = page.send("info", "a platypus again").await?;
    let live = page.send("critical", "the wombat is back").await?;
    let first = format!("document.querySelector('tbody tr a').href.endsWith('{live}')");
    page.visitor.comes_true(&first).await?;
    page.visitor.comes_true(&format!("!{}", row(&other))).await?;
    page.visitor
        .comes_true("document.getElementById('live-status').innerText == 'Live: 1 new event.'")
        .await
}

async fn text_stays_text(page: &mut Page<'_>) -> Result<(), Failed> {
    let agent = page.server.new_agent(HOSTILE).await?;
    let event = page.send("error", HOSTILE).await?;
    let paths = [
        "/".to_owned(),
        format!("/agents/{}", agent.id),
        format!(
            "/events?q={}",
            Url::parse_with_params("http://x/", [("q", HOSTILE)])?.query().unwrap_or("")
        ),
        format!("/events/{event}"),
        "/events".to_owned(),
    ];
    for path in paths {
        page.visitor.go(&path).await?;
        harmless(page, &path).await?;
    }
    // What comes live is written by the script, not by the server.
    page.visitor
        .comes_true("document.getElementById('live-status').innerText.startsWith('Live')")
        .await?;
    let live = page.send("error", HOSTILE).await?;
    page.visitor.comes_true(&row(&live)).await?;
    let said = page.visitor.chromium.evaluate(&format!("{}.textContent", row(&live))).await?;
    expect::equal("the text of the live row", &said, &json!(HOSTILE))?;
    harmless(page, "the live list").await
}

/// No element and no script of the agent's is in the page.
async fn harmless(page: &mut Page<'_>, path: &str) -> Result<(), Failed> {
    let strangers = "document.querySelectorAll('img, main script, #owned').length \
                     + (document.title == 'owned')";
    let seen = page.visitor.chromium.evaluate(strangers).await?;
    expect::equal(&format!("what an agent made of {path}"), &seen, &json!(0))
}

async fn pages_fit(page: &mut Page<'_>) -> Result<(), Failed> {
    // Words without an end are the hardest to fit.
    let event = page.send("critical", &"endless".repeat(60)).await?;
    let agent = page.agent.id.clone();
    page.visitor.chromium.width(PHONE).await?;
    let paths =
        ["/".to_owned(), format!("/agents/{agent}"), "/events".into(), format!("/events/{event}")];
    for path in paths.iter().chain([&"/login".to_owned()]) {
        page.visitor.go(path).await?;
        page.visitor.chromium.screenshot(path).await?;
        let width = page.visitor.chromium.evaluate("document.documentElement.scrollWidth").await?;
        let fits = width.as_u64().is_some_and(|width| width <= u64::from(PHONE));
        expect::equal(&format!("{path}, {width} wide, fits {PHONE}"), &fits, &true)?;
        nameless(path, &page.visitor.chromium.accessibility().await?)?;
    }
    Ok(())
}

/// What a screen reader lets a user reach has a name, and the page has a title and a main part.
fn nameless(path: &str, nodes: &[Value]) -> Result<(), Failed> {
    let word = |node: &Value, of: &str| node[of]["value"].as_str().unwrap_or_default().to_owned();
    let usable = ["button", "combobox", "link", "searchbox", "textbox"];
    let roles: Vec<String> = nodes.iter().map(|node| word(node, "role")).collect();
    for role in ["main", "heading", "navigation"] {
        expect::equal(
            &format!("{path} has a {role}"),
            &roles.iter().any(|one| one == role),
            &true,
        )?;
    }
    let seen = nodes.iter().filter(|node| usable.contains(&word(node, "role").as_str()));
    let unnamed: Vec<String> =
        seen.filter(|node| word(node, "name").is_empty()).map(|node| word(node, "role")).collect();
    expect::equal(&format!("what has no name on {path}"), &unnamed, &Vec::<String>::new())
}
