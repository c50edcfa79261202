//! What a history is to whoever goes through it, wherever its entries come from.

use super::{Entry, Header, History};

/// Entries in their order, as often as somebody wants to go through them. A history of millions
/// need not be in memory at once.
///
/// A read may bring its events in pages: entries of its operation before the one that ends it.
pub trait Entries: Sync {
    /// Which run it is of.
    fn header(&self) -> &Header;

    /// Looks at every entry, each time the same.
    fn each(&self, look: &mut dyn FnMut(&Entry));
}

impl Entries for History {
    fn header(&self) -> &Header {
        self.header()
    }

    fn each(&self, look: &mut dyn FnMut(&Entry)) {
        self.entries().for_each(look);
    }
}
