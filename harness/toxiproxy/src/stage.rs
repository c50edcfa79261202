//! One toxic at work in one direction of one connection.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use tokio::time::Instant;

use crate::model::Direction;
use crate::queue::Queue;
use crate::toxics::{AnyToxic, Installed, Memory, Moment, Step};

/// A toxic, what waits for it, and what it remembers.
pub struct Stage {
    name: String,
    direction: Direction,
    toxic: Arc<dyn AnyToxic>,
    toxicity: f32,
    /// Drawn once; the toxic acts when it lies below the toxicity.
    draw: f32,
    memory: Memory,
    random: ChaCha8Rng,
    since: Instant,
    from_start: bool,
    /// The bytes that wait for it.
    pub input: Queue,
}

impl Stage {
    /// A stage of the direction whose seed this is. `from_start` says whether no byte came before.
    pub fn new(seed: u64, toxic: &Installed, from_start: bool, now: Instant) -> Self {
        let (draw, random) = toxic.draw(seed);
        Self {
            name: toxic.name.clone(),
            direction: toxic.direction,
            toxic: Arc::clone(&toxic.toxic),
            toxicity: toxic.toxicity,
            draw,
            memory: toxic.toxic.memory(),
            random,
            since: now,
            from_start,
            input: Queue::default(),
        }
    }

    /// The name of the toxic.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Takes new attributes and a new toxicity; what it remembers stays.
    pub fn update(&mut self, toxic: &Installed, now: Instant) {
        self.toxic = Arc::clone(&toxic.toxic);
        self.toxicity = toxic.toxicity;
        self.since = now;
    }

    /// Whether the connection must be closed when the stage is taken out.
    pub fn closes_when_removed(&self) -> bool {
        self.acts() && self.toxic.closes_when_removed()
    }

    /// How many bytes may wait for it beyond what any flow holds.
    pub fn window(&self) -> usize {
        if self.acts() { self.toxic.window() } else { 0 }
    }

    /// The next thing to do with what waits.
    pub fn act(&mut self, now: Instant) -> Step {
        let acts = self.acts();
        // What passes by it while it does not act, it has not met.
        self.from_start &= acts || self.input.is_empty();
        let mut moment = Moment {
            input: &mut self.input,
            now,
            since: self.since,
            random: &mut self.random,
            direction: self.direction,
            from_start: self.from_start,
        };
        if acts { self.toxic.act(&mut self.memory, &mut moment) } else { moment.pass() }
    }

    fn acts(&self) -> bool {
        self.draw < self.toxicity
    }
}
