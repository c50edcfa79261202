//! A toxic of a proxy: a toxic type with attributes, a name, a direction and a toxicity.

use std::sync::Arc;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::{Admission, AnyToxic, by_type};
use crate::Error;
use crate::model::{Direction, NewToxic, ToxicUpdate, ToxicView};
use crate::random;

/// A toxic of a proxy.
#[derive(Clone)]
pub struct Installed {
    /// Unique in the proxy.
    pub name: String,
    /// The direction it acts in.
    pub direction: Direction,
    /// The share of connections it acts on.
    pub toxicity: f32,
    /// Its type and attributes.
    pub toxic: Arc<dyn AnyToxic>,
}

impl Installed {
    /// Reads what the API was given.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(new: NewToxic) -> Result<Self, Error> {
        let word = [new.stream, new.direction].into_iter().flatten().find(|word| !word.is_empty());
        let direction = word.map_or(Ok(Direction::ToClient), |word| Direction::parse(&word))?;
        let kind = new.kind.unwrap_or_default();
        let toxic = by_type(&kind)?.with(&new.attributes.unwrap_or_default())?;
        let name = new
            .name
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| format!("{kind}_{}", direction.as_str()));
        Ok(Self { name, direction, toxicity: new.toxicity.unwrap_or(1.0), toxic })
    }

    /// The toxic after a change.
    ///
    /// # Errors
    /// What is wrong with the change.
    pub fn updated(&self, update: &ToxicUpdate) -> Result<Self, Error> {
        let toxic = match &update.attributes {
            Some(attributes) => self.toxic.with(attributes)?,
            None => Arc::clone(&self.toxic),
        };
        Ok(Self { toxicity: update.toxicity.unwrap_or(self.toxicity), toxic, ..self.clone() })
    }

    /// What the seed of a direction of a connection draws for this toxic: a number below 1, for a
    /// connection that it acts on below its toxicity, and its own random numbers.
    pub fn draw(&self, seed: u64) -> (f32, ChaCha8Rng) {
        let mut random = random::generator(random::derive(seed, self.name.as_bytes()));
        (random.random(), random)
    }

    /// What happens to a connection that comes in; `seed` as for [`Installed::draw`].
    pub fn admit(&self, seed: u64) -> Admission {
        let (draw, mut random) = self.draw(seed);
        if draw < self.toxicity { self.toxic.admit(&mut random) } else { Admission::Now }
    }

    /// The toxic as the API shows it.
    pub fn view(&self) -> ToxicView {
        ToxicView {
            name: self.name.clone(),
            kind: self.toxic.kind().to_owned(),
            direction: self.direction,
            toxicity: self.toxicity,
            attributes: self.toxic.attributes(),
        }
    }
}
