//! A table from texts to small values, for histories of millions of operations.
//!
//! It keeps 64 bits of a text's hash in place of the text, and nothing between entries: a
//! `HashMap` pads each of them, and doubles, which takes twice to four times the memory. Of ten
//! million texts two have the same hash once in 400,000 histories (the birthday bound). The hash
//! (SipHash) has a secret of its own in each process, so that no system under test can choose texts
//! that have the same.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::hint::black_box;
use std::sync::LazyLock;

static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// Open addressing with linear probing (Knuth, volume 3, section 6.4, algorithm L).
#[derive(Debug)]
pub struct Table<V> {
    /// 0 is no key.
    keys: Vec<u64>,
    values: Vec<V>,
    used: usize,
}

/// A text's key: never 0, and another one in each process.
pub fn key(text: &str) -> u64 {
    let mut hasher = SECRET.build_hasher();
    hasher.write(text.as_bytes());
    hasher.finish().max(1)
}

impl<V: Copy + Default> Table<V> {
    /// An empty table that takes so many texts without growing.
    pub fn with_room_for(texts: usize) -> Self {
        let places = texts + texts / 8 + 8;
        Self { keys: vec![0; places], values: vec![V::default(); places], used: 0 }
    }

    /// Brings what is at some keys into the cache. Of a large table, nearly all time goes to waiting
    /// for memory, and nothing here waits for the key before.
    pub fn fetch(&self, keys: impl Iterator<Item = u64>) {
        for key in keys {
            let place = self.first_place(key);
            black_box(self.keys[place]);
            black_box(self.values[place]);
        }
    }

    /// The value of a key.
    pub fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        let place = self.place(key);
        (self.keys[place] == key).then(|| &mut self.values[place])
    }

    /// Gives a key that is not there yet a value. Says whether it was not there.
    pub fn insert(&mut self, key: u64, value: V) -> bool {
        if self.used + self.used / 16 >= self.keys.len() - 2 {
            self.grow();
        }
        let place = self.place(key);
        if self.keys[place] == key {
            return false;
        }
        (self.keys[place], self.values[place]) = (key, value);
        self.used += 1;
        true
    }

    /// Every value.
    pub fn values(&self) -> impl Iterator<Item = V> {
        let held = self.keys.iter().zip(&self.values).filter(|(key, _)| **key != 0);
        held.map(|(_, value)| *value)
    }

    /// Where a key is, or would be.
    fn place(&self, key: u64) -> usize {
        let places = self.keys.len();
        let mut place = self.first_place(key);
        while self.keys[place] != 0 && self.keys[place] != key {
            place = if place + 1 == places { 0 } else { place + 1 };
        }
        place
    }

    /// Where the search for a key begins.
    fn first_place(&self, key: u64) -> usize {
        ((u128::from(key) * self.keys.len() as u128) >> 64) as usize
    }

    fn grow(&mut self) {
        let mut larger = Self::with_room_for(self.keys.len() * 2);
        for (key, value) in self.keys.iter().zip(&self.values).filter(|(key, _)| **key != 0) {
            larger.insert(*key, *value);
        }
        *self = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_found_and_nothing_else() {
        let mut table = Table::with_room_for(3);
        for number in 0..1000_u32 {
            assert!(table.insert(key(&number.to_string()), number));
            assert!(!table.insert(key(&number.to_string()), 0));
        }
        for number in 0..1000 {
            assert_eq!(table.get_mut(key(&number.to_string())).copied(), Some(number));
        }
        assert_eq!(table.get_mut(key("1000")), None);
        assert_eq!(table.values().map(u64::from).sum::<u64>(), 999 * 500);
    }
}
