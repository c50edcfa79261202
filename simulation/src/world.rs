//! One schedule, from the first event to the final read: a queue of what happens next.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BinaryHeap};
use std::rc::Rc;
use std::time::Duration;

use harness::environment::Direction;
use harness::faults::{Fault, ScheduledFault};
use harness::history::{
    self, Action, Attempt, Emit, History, NO_ANSWER, PartState, Phase, Stage, StoredEvent,
};
use harness::promises::Promises;
use harness::run::Plan;
use harness::seed::Seed;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use redflag_agent::delivery::{Outcome, Step};
use redflag_protocol::{DefectSet, Lane};

use crate::agent::Agent;
use crate::journal::{Journal, attempt, emit};
use crate::server::{Bucket, Parcel, Reception, SERVER, Store, receive};
use crate::targets;
use crate::weather::{Passage, STARTS, Weather};

/// What is given in, and what happens to it.
#[derive(Clone, Debug)]
pub struct Load {
    /// How fast events come, for how long, and what disturbs them.
    pub plan: Plan,
    /// Where every random choice comes from.
    pub seed: Seed,
    /// What the agents are told to do wrong.
    pub defects: DefectSet,
}

const MILLISECOND: u64 = 1000;
const SECOND: u64 = 1000 * MILLISECOND;
/// How long an agent waits for an answer.
const CALL_LIMIT: u64 = 5 * SECOND;
/// How long the workload waits for a producer.
const EMIT_LIMIT: u64 = 3 * SECOND;
/// Between two looks at what producers hold: while events come, and while they drain.
const LOOKS: (u64, u64) = (250 * MILLISECOND, 100 * MILLISECOND);
/// Between two check-ins.
const CHECKS_IN: u64 = SECOND;
/// One event of so many is urgent.
const URGENT: u32 = 20;
/// Bytes of an event on the wire, and of what comes with a call and its answer.
const BYTES: (u64, u64) = (400, 400);
const EVENTS_CALL: &str = "POST /api/v1/agents/*/events";
const CHECK_IN_CALL: &str = "GET /api/v1/agents/*/commands";

/// Runs one schedule.
pub fn simulate(load: &Load, promises: &Promises) -> History {
    let mut world = World::new(load);
    world.pass(load);
    world.journal.finish(load.seed, promises.clone())
}

/// What an agent calls for. Each kind has at most one call under way.
#[derive(Clone, Debug)]
enum Errand {
    Events { lane: Lane, batch: Rc<[Parcel]> },
    CheckIn,
}

/// Something that happens at its time.
enum Event {
    /// The next event of the load comes.
    Proposed,
    /// An agent looks what to do.
    Wakes { agent: usize, life: u64 },
    /// An agent checks in.
    ChecksIn { agent: usize, life: u64 },
    /// A paused agent takes an event after all.
    Taken { agent: usize, emit: Box<Emit>, operation: Option<u64> },
    /// The workload waits no longer.
    Unanswered { emit: Box<Emit>, operation: u64 },
    /// A call arrives at the server.
    Arrives { agent: usize, call: u64, errand: Errand },
    /// A batch is committed.
    Commits(Rc<[Parcel]>),
    /// An agent learns what became of a call.
    Ends { agent: usize, life: u64, call: u64, how: End },
    /// The producers are asked what they hold.
    Look,
    /// A fault begins or ends.
    Fault { number: usize, begins: bool },
    /// A part is seen to be so.
    Part { part: String, state: PartState, detail: &'static str },
}

/// An event and its time; of those at the same time the first that was planned comes first.
struct Planned {
    at: u64,
    number: u64,
    event: Event,
}

impl Ord for Planned {
    /// The greatest is the next: as a heap wants it.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Planned {}

/// How a call ends, as its agent sees it.
#[derive(Clone, Copy, Debug)]
enum End {
    Answered,
    Refused { retry_after: Option<Duration> },
    Broken,
}

/// A call under way.
struct Call {
    number: u64,
    errand: Errand,
    /// Its operation in the history, if it is seen there.
    operation: Option<u64>,
}

struct World<'a> {
    weather: Weather<'a>,
    faults: &'a [ScheduledFault],
    fault_operations: BTreeMap<usize, u64>,
    journal: Journal,
    agents: Vec<Agent>,
    calls: Vec<[Option<Call>; 2]>,
    buckets: Vec<Bucket>,
    store: Store,
    queue: BinaryHeap<Planned>,
    next: u64,
    calls_made: u64,
    proposed: u64,
    random: ChaCha8Rng,
    now: u64,
    lasts: u64,
    between: u64,
}

impl<'a> World<'a> {
    fn new(load: &'a Load) -> Self {
        let mut random = load.seed.stream("simulation");
        let mut agent = |name: &String| Agent::new(name, random.random(), &load.defects);
        let agents: Vec<Agent> = targets().producers.iter().map(&mut agent).collect();
        Self {
            weather: Weather::of(&load.plan.schedule),
            faults: load.plan.schedule.faults(),
            fault_operations: BTreeMap::new(),
            journal: Journal::default(),
            calls: agents.iter().map(|_| [None, None]).collect(),
            buckets: vec![Bucket::default(); agents.len()],
            agents,
            store: Store::default(),
            queue: BinaryHeap::new(),
            next: 0,
            calls_made: 0,
            proposed: 0,
            random,
            now: 0,
            lasts: load.plan.pace.lasts * MILLISECOND,
            between: SECOND / u64::from(load.plan.pace.rate.max(1)),
        }
    }

    fn pass(&mut self, load: &Load) {
        for part in targets().parts() {
            for state in [PartState::Started, PartState::Ready] {
                self.journal
                    .note(0, Action::Part { part: part.to_owned(), state, detail: String::new() });
            }
        }
        self.journal.stage(0, Stage::Disturb);
        for number in 0..self.faults.len() {
            let (from, lasts) = (self.faults[number].at, self.faults[number].lasts);
            self.at(from * MILLISECOND, Event::Fault { number, begins: true });
            self.at((from + lasts) * MILLISECOND, Event::Fault { number, begins: false });
        }
        for agent in 0..self.agents.len() {
            let first = self.random.random_range(0..CHECKS_IN);
            self.at(first, Event::ChecksIn { agent, life: 0 });
        }
        self.at(0, Event::Proposed);
        self.at(0, Event::Look);
        self.run_until(self.lasts);
        self.journal.stage(self.now, Stage::Heal);
        self.journal.stage(self.now, Stage::Drain);
        let bound = load.plan.drain_bound * MILLISECOND;
        self.drain(bound);
        self.journal.stage(self.now, Stage::Probe);
        for agent in 0..self.agents.len() {
            self.emit(agent, format!("probe-{agent}"), false, true);
        }
        self.drain(bound);
        let read = |events: Vec<StoredEvent>| Action::Read { events, error: None };
        let operation = self.journal.begin(self.now, "harness", read(Vec::new()));
        let events = std::mem::take(&mut self.store).into_events();
        self.journal.end(self.now, "harness", operation, Phase::Ok, read(events));
        self.journal.stage(self.now, Stage::Judge);
    }

    fn at(&mut self, time: u64, event: Event) {
        self.next += 1;
        self.queue.push(Planned { at: time, number: self.next, event });
    }

    fn run_until(&mut self, time: u64) {
        while self.queue.peek().is_some_and(|next| next.at <= time)
            && let Some(planned) = self.queue.pop()
        {
            self.now = self.now.max(planned.at);
            self.happens(planned.event);
        }
        self.now = self.now.max(time);
    }

    fn drain(&mut self, bound: u64) {
        let deadline = self.now + bound;
        loop {
            if self.look() == Some(0) || self.now >= deadline {
                return;
            }
            self.run_until(self.now + LOOKS.1);
        }
    }

    fn happens(&mut self, event: Event) {
        match event {
            Event::Proposed => self.propose(),
            Event::Wakes { agent, life } if self.agents[agent].life == life => self.wakes(agent),
            Event::ChecksIn { agent, life } if self.agents[agent].life == life => {
                self.call(agent, Errand::CheckIn);
            }
            Event::Taken { agent, emit, operation } => self.taken(agent, *emit, operation),
            Event::Unanswered { emit, operation } => {
                let action = Action::Emit(*emit);
                self.journal.end(self.now, "workload", operation, Phase::Indeterminate, action);
            }
            Event::Arrives { agent, call, errand } => self.arrives(agent, call, errand),
            Event::Commits(batch) => self.store.commit(&batch),
            Event::Ends { agent, life, call, how } if self.agents[agent].life == life => {
                self.ends(agent, call, how);
            }
            // News of a life that is over.
            Event::Wakes { .. } | Event::ChecksIn { .. } | Event::Ends { .. } => {}
            Event::Look => {
                self.look();
                if self.now + LOOKS.0 <= self.lasts {
                    self.at(self.now + LOOKS.0, Event::Look);
                }
            }
            Event::Fault { number, begins } => self.fault(number, begins),
            Event::Part { part, state, detail } => {
                if let Some(agent) = self.agents.iter().position(|agent| *agent.name == part)
                    && state == PartState::Ready
                    && detail.is_empty()
                {
                    self.agents[agent].start(self.now);
                    let life = self.agents[agent].life;
                    self.at(self.now, Event::Wakes { agent, life });
                    self.at(self.now, Event::ChecksIn { agent, life });
                }
                self.journal
                    .note(self.now, Action::Part { part, state, detail: detail.to_owned() });
            }
        }
    }

    /// The next event of the load, for an agent drawn by chance.
    fn propose(&mut self) {
        let agent = self.random.random_range(0..self.agents.len());
        let urgent = self.random.random_ratio(1, URGENT);
        self.proposed += 1;
        self.emit(agent, format!("m-{}", self.proposed), urgent, false);
        let next = self.proposed * self.between;
        if next < self.lasts {
            self.at(next, Event::Proposed);
        }
    }

    fn emit(&mut self, agent: usize, marker: String, urgent: bool, probe: bool) {
        let name = Rc::clone(&self.agents[agent].name);
        let emit = emit(&name, marker, urgent, probe);
        let operation = self.journal.begin(self.now, "workload", Action::Emit(emit.clone()));
        if self.weather.down_until(&name, self.now).is_some() {
            let action = Action::Emit(emit);
            self.journal.end(self.now, "workload", operation, Phase::Fail, action);
            return;
        }
        let Some(resumes) = self.weather.paused_until(&name, self.now) else {
            return self.taken(agent, emit, Some(operation));
        };
        let (waits, emit) = (self.now + EMIT_LIMIT, Box::new(emit));
        let answered = (resumes <= waits).then_some(operation);
        if answered.is_none() {
            self.at(waits, Event::Unanswered { emit: emit.clone(), operation });
        }
        self.at(resumes, Event::Taken { agent, emit, operation: answered });
    }

    fn taken(&mut self, agent: usize, mut emit: Emit, operation: Option<u64>) {
        self.next += 1;
        let receipt = self.agents[agent].take(self.now, self.next, &emit.marker, emit.urgent);
        if let Some(operation) = operation {
            emit.receipt = Some(receipt);
            self.journal.end(self.now, "workload", operation, Phase::Ok, Action::Emit(emit));
        }
        self.wakes(agent);
    }

    /// An agent does what its delivery decides.
    fn wakes(&mut self, agent: usize) {
        if self.calls[agent][0].is_some() {
            return;
        }
        let one = &mut self.agents[agent];
        if self.weather.down_until(&one.name, self.now).is_some() {
            return;
        }
        let life = one.life;
        if let Some(resumes) = self.weather.paused_until(&one.name, self.now) {
            return self.at(resumes, Event::Wakes { agent, life });
        }
        match one.step(self.now) {
            // With AL-FLUSH what is held is looked at again and again.
            Step::Idle if one.backlog(self.now).held > 0 => {
                self.at(self.now + SECOND / 2, Event::Wakes { agent, life });
            }
            Step::Idle => {}
            Step::WaitUntil(time) => {
                let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
                self.at(time.max(self.now + 1), Event::Wakes { agent, life });
            }
            Step::Send { lane, limit } => {
                let batch = one.oldest(lane, limit).into();
                self.call(agent, Errand::Events { lane, batch });
            }
        }
    }

    /// An agent calls the server.
    fn call(&mut self, agent: usize, errand: Errand) {
        let one = &self.agents[agent];
        let (name, link, life) = (Rc::clone(&one.name), Rc::clone(&one.link), one.life);
        if let Some(resumes) = self.weather.paused_until(&name, self.now) {
            return self.at(resumes, Event::ChecksIn { agent, life });
        }
        self.calls_made += 1;
        let call = self.calls_made;
        let ends = |how| Event::Ends { agent, life, call, how };
        let refused = self.weather.is_cut(&link, self.now)
            || self.weather.down_until(SERVER, self.now).is_some();
        // A connection that is refused is not seen on the link.
        let action = attempt(&name, errand.call());
        let operation = (!refused).then(|| self.journal.begin(self.now, &name, action));
        let slot = errand.slot();
        let bytes = errand.bytes();
        self.calls[agent][slot] = Some(Call { number: call, errand: errand.clone(), operation });
        if refused {
            return self.at(self.now + MILLISECOND, ends(End::Broken));
        }
        let breaks = [
            Some(self.now + CALL_LIMIT),
            self.weather.breaks_after(&link, self.now + 1),
            self.weather.ended_after(SERVER, self.now),
        ];
        let breaks = breaks.into_iter().flatten().min().unwrap_or(u64::MAX);
        self.at(breaks, ends(End::Broken));
        match self.weather.pass(&link, Direction::ToServer, bytes, self.now) {
            Passage::Breaks(time) => self.at(time.min(breaks), ends(End::Broken)),
            Passage::Arrives(time) => {
                let time = self.weather.paused_until(SERVER, time).unwrap_or(time);
                self.at(time, Event::Arrives { agent, call, errand });
            }
        }
    }

    /// The server works on a call.
    fn arrives(&mut self, agent: usize, call: u64, errand: Errand) {
        let ended = self.weather.ended_after(SERVER, self.now).unwrap_or(u64::MAX);
        if self.weather.down_until(SERVER, self.now).is_some() {
            return;
        }
        let bucket = match errand {
            Errand::Events { .. } => &mut self.buckets[agent],
            Errand::CheckIn => &mut Bucket::default(),
        };
        let reception = receive(&self.weather, bucket, errand.bytes(), self.now);
        let (answered, how) = match reception {
            Reception::Commits(time) => (time, End::Answered),
            Reception::CommitsUnheard(_, time) | Reception::Unavailable(time) => {
                (time, End::Refused { retry_after: None })
            }
            Reception::Limited(wait) => {
                let retry_after = Some(Duration::from_secs(wait.div_ceil(SECOND)));
                (self.now, End::Refused { retry_after })
            }
        };
        let committed = match reception {
            Reception::Commits(time) | Reception::CommitsUnheard(time, _) => Some(time),
            Reception::Unavailable(_) | Reception::Limited(_) => None,
        };
        if let (Some(time), Errand::Events { batch, .. }) = (committed, errand)
            && time < ended
        {
            self.at(time, Event::Commits(batch));
        }
        let answered = self.weather.paused_until(SERVER, answered).unwrap_or(answered);
        let one = &self.agents[agent];
        let life = one.life;
        if answered >= ended {
            return;
        }
        match self.weather.pass(&one.link, Direction::ToClient, BYTES.1, answered) {
            Passage::Arrives(time) => self.at(time, Event::Ends { agent, life, call, how }),
            Passage::Breaks(time) => {
                self.at(time, Event::Ends { agent, life, call, how: End::Broken });
            }
        }
    }

    /// An agent learns what became of its call; later news of the same call is none.
    fn ends(&mut self, agent: usize, number: u64, how: End) {
        let mut calls = self.calls[agent].iter_mut();
        let is_it =
            |call: &&mut Option<Call>| call.as_ref().is_some_and(|call| call.number == number);
        let Some(slot) = calls.find(is_it) else { return };
        let one = &mut self.agents[agent];
        let life = one.life;
        if let Some(resumes) = self.weather.paused_until(&one.name, self.now) {
            return self.at(resumes, Event::Ends { agent, life, call: number, how });
        }
        let Some(Call { errand, operation, .. }) = slot.take() else { return };
        if let Some(operation) = operation {
            let wait = how.retry_after().map(|wait| wait.as_secs());
            let ended = Attempt { wait, ..Attempt::new(&*one.name, errand.call()) };
            let action = Action::Attempt(ended);
            self.journal.end(self.now, &one.name, operation, how.phase(), action);
        }
        match errand {
            Errand::CheckIn => self.at(self.now + CHECKS_IN, Event::ChecksIn { agent, life }),
            Errand::Events { lane, batch } => {
                let outcome = match how {
                    End::Answered => Outcome::Answered,
                    End::Refused { .. } | End::Broken => {
                        Outcome::Failed { retry_after: how.retry_after() }
                    }
                };
                one.finished(self.now, lane, batch.len(), outcome);
                self.wakes(agent);
            }
        }
    }

    /// Notes what each agent that answers holds, and says how much it is if all of them do.
    fn look(&mut self) -> Option<u64> {
        let mut sum = Some(0);
        for agent in &mut self.agents {
            let name = &agent.name;
            let silent = self.weather.down_until(name, self.now).is_some()
                || self.weather.paused_until(name, self.now).is_some();
            if silent {
                sum = None;
                continue;
            }
            let events = agent.backlog(self.now).total();
            sum = sum.map(|sum| sum + events);
            self.journal.note(self.now, Action::Backlog { part: agent.name.to_string(), events });
        }
        sum
    }

    fn fault(&mut self, number: usize, begins: bool) {
        let ScheduledFault { fault, lasts, .. } = &self.faults[number];
        let target = fault.target().to_owned();
        let parts: Vec<String> = match target.split_once("-to-") {
            Some((from, _)) => vec![from.to_owned()],
            None => vec![target.clone()],
        };
        let action = Action::Fault(history::Fault {
            kind: fault.kind().to_owned(),
            target: target.clone(),
            detail: fault.detail(),
            parts,
        });
        let ends = matches!(fault, Fault::Kill { .. } | Fault::Terminate { .. });
        let pauses = matches!(fault, Fault::Pause { .. });
        let part = |state, detail| Event::Part { part: target.clone(), state, detail };
        if !begins {
            if let Some(operation) = self.fault_operations.remove(&number) {
                self.journal.end(self.now, "nemesis", operation, Phase::Ok, action);
            }
            if ends {
                self.happens(part(PartState::Started, ""));
                self.at(self.now + STARTS, part(PartState::Ready, ""));
            }
            return;
        }
        let operation = self.journal.begin(self.now, "nemesis", action);
        self.fault_operations.insert(number, operation);
        let until = self.now + lasts * MILLISECOND;
        if ends {
            self.happens(part(PartState::Killed, ""));
            if let Some(agent) = self.agents.iter().position(|agent| *agent.name == *target) {
                self.agent_ends(agent);
            }
        } else if pauses && lasts * MILLISECOND > SECOND {
            self.at(self.now + SECOND, part(PartState::Unready, NO_ANSWER));
            self.at(until, part(PartState::Ready, "it goes on"));
        }
    }

    fn agent_ends(&mut self, agent: usize) {
        let one = &mut self.agents[agent];
        one.end();
        for call in self.calls[agent].iter_mut().filter_map(Option::take) {
            if let Some(operation) = call.operation {
                let action = attempt(&one.name, call.errand.call());
                self.journal.end(self.now, &one.name, operation, Phase::Indeterminate, action);
            }
        }
    }
}

impl Errand {
    fn call(&self) -> &'static str {
        match self {
            Self::Events { .. } => EVENTS_CALL,
            Self::CheckIn => CHECK_IN_CALL,
        }
    }

    fn slot(&self) -> usize {
        match self {
            Self::Events { .. } => 0,
            Self::CheckIn => 1,
        }
    }

    fn bytes(&self) -> u64 {
        match self {
            Self::Events { batch, .. } => BYTES.1 + BYTES.0 * batch.len() as u64,
            Self::CheckIn => BYTES.1,
        }
    }
}

impl End {
    fn phase(self) -> Phase {
        match self {
            Self::Answered => Phase::Ok,
            Self::Refused { .. } => Phase::Fail,
            Self::Broken => Phase::Indeterminate,
        }
    }

    /// How long the agent was told to wait.
    fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after } => retry_after,
            Self::Answered | Self::Broken => None,
        }
    }
}
