//! Which catalogs were written to since they were read, so that only these are read again.
//!
//! PostgreSQL counts the rows that a session writes to each table, also what it takes back. What
//! was counted in a transaction that is still open may be taken back at any time without being
//! counted again, so a catalog is read every time until that transaction has ended.

use std::fmt::Write as _;

/// How often each of some catalogs was written to, as of one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Writes {
    /// The number of the open transaction, if it has written anything.
    pub(super) transaction: Option<String>,
    /// For each catalog; it never falls, and rises with each row.
    pub(super) counts: Vec<i64>,
}

impl Writes {
    /// The columns of a query that reads them, for catalogs by their numbers.
    pub(super) fn columns(catalogs: &[u32]) -> String {
        // What is counted is passed on some time after a commit, from the one count to the other.
        const COUNTS: [&str; 6] = [
            "get_tuples_inserted",
            "get_tuples_updated",
            "get_tuples_deleted",
            "get_xact_tuples_inserted",
            "get_xact_tuples_updated",
            "get_xact_tuples_deleted",
        ];
        let mut sql = String::from(
            "pg_catalog.pg_current_xact_id_if_assigned()::pg_catalog.text, \
             ARRAY(SELECT 0::pg_catalog.int8",
        );
        for count in COUNTS {
            let _ = write!(sql, " OPERATOR(pg_catalog.+) pg_catalog.pg_stat_{count}(catalog)");
        }
        let numbers: Vec<String> = catalogs.iter().map(u32::to_string).collect();
        let _ = write!(
            sql,
            " FROM pg_catalog.unnest('{{{}}}'::pg_catalog.oid[]) AS catalog)",
            numbers.join(",")
        );
        sql
    }
}

/// What is known of catalogs that one session alone writes to.
#[derive(Debug)]
pub(super) struct Unsettled {
    catalogs: Vec<u32>,
    /// The count up to which everything was read, and cannot be taken back.
    settled: Vec<Option<i64>>,
    last: Writes,
}

impl Unsettled {
    /// Nothing was read of these catalogs yet.
    pub(super) fn new(catalogs: Vec<u32>) -> Self {
        let settled = vec![None; catalogs.len()];
        Self { catalogs, settled, last: Writes::default() }
    }

    /// The catalogs by their numbers, in the order in which they are counted.
    pub(super) fn catalogs(&self) -> &[u32] {
        &self.catalogs
    }

    /// The catalogs that have to be read now, which the caller then does.
    pub(super) fn take(&mut self, now: Writes) -> Vec<u32> {
        let mut stale = Vec::new();
        for (place, count) in now.counts.iter().enumerate() {
            if self.settled[place] == Some(*count) {
                continue;
            }
            stale.push(self.catalogs[place]);
            let unwritten_since = self.last.counts.get(place) == Some(count);
            let ended = unwritten_since && self.last.transaction != now.transaction;
            if ended || now.transaction.is_none() {
                self.settled[place] = Some(*count);
            }
        }
        self.last = now;
        stale
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writes(transaction: Option<&str>, counts: [i64; 2]) -> Writes {
        Writes { transaction: transaction.map(str::to_owned), counts: counts.to_vec() }
    }

    #[test]
    fn what_an_open_transaction_wrote_is_read_until_it_has_ended() {
        let mut unsettled = Unsettled::new(vec![7, 8]);
        let cases: [(Option<&str>, [i64; 2], &[u32]); 8] = [
            (None, [0, 0], &[7, 8]),
            (None, [0, 0], &[]),
            (Some("5"), [1, 0], &[7]),
            (Some("5"), [1, 0], &[7]),
            (Some("6"), [1, 2], &[7, 8]),
            (Some("6"), [1, 3], &[8]),
            (None, [1, 3], &[8]),
            (Some("7"), [1, 3], &[]),
        ];
        for (transaction, counts, stale) in cases {
            assert_eq!(unsettled.take(writes(transaction, counts)), stale, "{counts:?}");
        }
    }
}
