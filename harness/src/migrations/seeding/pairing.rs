//! Which row of before is which row of now, when rows were written anew.

use std::collections::{BTreeSet, HashMap};

use super::record::Record;

/// Pairs of places in `before` and `now`; who is not in a pair is gone, or new. `common` pairs the
/// columns that both have, by their places in the records; `keys` are those pairs that make up the
/// primary key.
pub(super) fn pair(
    before: &[&Record],
    now: &[&Record],
    common: &[(usize, usize)],
    keys: &[(usize, usize)],
) -> Vec<(usize, usize)> {
    let before: Vec<Vec<Option<&str>>> = before.iter().map(|record| record.fields()).collect();
    let now: Vec<Vec<Option<&str>>> = now.iter().map(|record| record.fields()).collect();
    let mut pairing = Pairing {
        left: (0..before.len()).collect(),
        right: (0..now.len()).collect(),
        before,
        now,
        pairs: Vec::new(),
    };
    pairing.by_columns(common);
    if !keys.is_empty() {
        pairing.by_columns(keys);
    }
    pairing.by_all_but_one(common);
    pairing.in_order();
    pairing.pairs
}

struct Pairing<'a> {
    before: Vec<Vec<Option<&'a str>>>,
    now: Vec<Vec<Option<&'a str>>>,
    left: BTreeSet<usize>,
    right: BTreeSet<usize>,
    pairs: Vec<(usize, usize)>,
}

impl Pairing<'_> {
    /// Pairs rows that are equal in these columns, each with one other.
    fn by_columns(&mut self, columns: &[(usize, usize)]) {
        let found = self.equal_in(columns);
        self.take(&found);
    }

    /// Pairs rows that differ in one column, beginning with the one that explains the most.
    fn by_all_but_one(&mut self, common: &[(usize, usize)]) {
        while !self.left.is_empty() && !self.right.is_empty() && common.len() > 1 {
            let without = |left_out: &(usize, usize)| {
                let others: Vec<_> =
                    common.iter().copied().filter(|pair| pair != left_out).collect();
                self.equal_in(&others)
            };
            match common.iter().map(without).max_by_key(Vec::len) {
                Some(found) if !found.is_empty() => self.take(&found),
                _ => break,
            }
        }
    }

    fn equal_in(&self, columns: &[(usize, usize)]) -> Vec<(usize, usize)> {
        let mut there: HashMap<Vec<Option<&str>>, Vec<usize>> = HashMap::new();
        for &place in self.right.iter().rev() {
            let row = &self.now[place];
            let values = columns.iter().map(|(_, now)| row.get(*now).copied().flatten()).collect();
            there.entry(values).or_default().push(place);
        }
        let mut found = Vec::new();
        for &place in &self.left {
            let row = &self.before[place];
            let values: Vec<Option<&str>> =
                columns.iter().map(|(then, _)| row.get(*then).copied().flatten()).collect();
            found.extend(there.get_mut(&values).and_then(Vec::pop).map(|other| (place, other)));
        }
        found
    }

    /// What is left is paired in its order if there are as many: every row was rewritten.
    fn in_order(&mut self) {
        if self.left.len() == self.right.len() {
            let found: Vec<_> = self.left.iter().copied().zip(self.right.iter().copied()).collect();
            self.take(&found);
        }
    }

    fn take(&mut self, found: &[(usize, usize)]) {
        for (before, now) in found {
            self.left.remove(before);
            self.right.remove(now);
        }
        self.pairs.extend_from_slice(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &[&str], now: &[&str], keys: &[(usize, usize)], expected: &[(usize, usize)]) {
        let parse = |rows: &[&str]| rows.iter().map(|row| Record::parse(row)).collect::<Vec<_>>();
        let (before, now) = (parse(before), parse(now));
        let mut pairs = pair(
            &before.iter().collect::<Vec<_>>(),
            &now.iter().collect::<Vec<_>>(),
            &[(0, 0), (1, 1)],
            keys,
        );
        pairs.sort_unstable();
        assert_eq!(pairs, expected);
    }

    #[test]
    fn rows_are_found_again() {
        let key = [(0, 0)];
        check(&["(1,a)", "(2,b)"], &["(2,b)", "(1,x)"], &key, &[(0, 1), (1, 0)]);
        check(&["(1,a)", "(2,b)"], &["(2,b)"], &key, &[(1, 0)]);
        check(&["(1,a)", "(2,b)"], &["(1,x)", "(2,x)"], &[], &[(0, 0), (1, 1)]);
        check(&["(1,a)", "(1,a)"], &["(1,a)"], &[], &[(0, 0)]);
        check(&["(1,a)", "(2,b)"], &["(8,x)", "(9,y)"], &key, &[(0, 0), (1, 1)]);
        check(&["(1,a)"], &["(7,x)", "(8,y)"], &key, &[]);
    }
}
