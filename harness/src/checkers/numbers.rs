//! Numbers for names that come again and again, as those of producers.

use std::collections::HashMap;

/// Counted from 0, in the order in which names came first.
#[derive(Debug, Default)]
pub struct Numbers {
    names: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Numbers {
    /// A name's number: its first one if it is new.
    pub fn of(&mut self, name: &str) -> usize {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = self.names.len();
        self.names.push(name.to_owned());
        self.numbers.insert(name.to_owned(), number);
        number
    }

    /// Every name, by its number.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}
