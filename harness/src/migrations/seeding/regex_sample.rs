//! Texts that a regular expression matches, for the plain ones that constraints are written with.
//! PostgreSQL has the last word on each, so what is not understood here costs a candidate at most.

/// A text that the expression probably matches; another `number` chooses otherwise where there is
/// a choice. Groups, alternatives, classes, and repetitions are understood.
pub(super) fn sample(expression: &str, number: u64) -> Option<String> {
    let letters: Vec<char> = expression.chars().collect();
    let mut sampler = Sampler { letters: &letters, place: 0, state: number, made: 0 };
    let text = sampler.alternatives()?;
    (sampler.place == letters.len()).then_some(text)
}

/// Where a repetition has no upper bound.
const SOME_MORE: usize = 2;
/// Nested repetitions multiply.
const MOST_LETTERS: usize = 2_000;

struct Sampler<'a> {
    letters: &'a [char],
    place: usize,
    state: u64,
    made: usize,
}

impl Sampler<'_> {
    fn peek(&self) -> Option<char> {
        self.letters.get(self.place).copied()
    }

    fn eat(&mut self, letter: char) -> bool {
        let found = self.peek() == Some(letter);
        self.place += usize::from(found);
        found
    }

    fn choose(&mut self, among: usize) -> usize {
        let among = among.max(1) as u64;
        let choice = self.state % among;
        self.state = self.state / among + 1;
        choice as usize
    }

    fn alternatives(&mut self) -> Option<String> {
        let mut found = vec![self.sequence()?];
        while self.eat('|') {
            found.push(self.sequence()?);
        }
        let chosen = self.choose(found.len());
        Some(found.swap_remove(chosen))
    }

    fn sequence(&mut self) -> Option<String> {
        let mut text = String::new();
        while let Some(letter) = self.peek() {
            if letter == '|' || letter == ')' {
                break;
            }
            let start = self.place;
            let piece = self.atom()?;
            let (least, most) = self.repetition()?;
            let times = if most > least { least.max(1) } else { least };
            text.push_str(&piece);
            let end = self.place;
            for _ in 1..times {
                self.place = start;
                text.push_str(&self.atom()?);
            }
            self.place = end;
            if times == 0 {
                text.truncate(text.len() - piece.len());
            }
            self.made += text.len();
            if self.made > MOST_LETTERS {
                return None;
            }
        }
        Some(text)
    }

    fn atom(&mut self) -> Option<String> {
        let letter = self.peek()?;
        self.place += 1;
        match letter {
            '^' | '$' => Some(String::new()),
            '(' => {
                if self.eat('?') && !self.eat(':') {
                    return None;
                }
                let text = self.alternatives()?;
                self.eat(')').then_some(text)
            }
            '[' => self.class().map(String::from),
            '.' => Some("x".to_owned()),
            '\\' => self.escape(),
            '*' | '+' | '?' | '{' => None,
            letter => Some(letter.to_string()),
        }
    }

    fn escape(&mut self) -> Option<String> {
        let letter = self.peek()?;
        self.place += 1;
        let number = self.choose(10);
        match letter {
            'd' => Some(number.to_string()),
            'w' => Some(char::from(b'a' + number as u8).to_string()),
            's' => Some(" ".to_owned()),
            'S' | 'D' => Some("x".to_owned()),
            'm' | 'M' | 'y' | 'A' | 'Z' => Some(String::new()),
            letter if letter.is_alphanumeric() => None,
            letter => Some(letter.to_string()),
        }
    }

    fn class(&mut self) -> Option<char> {
        let negated = self.eat('^');
        let mut members: Vec<(char, char)> = Vec::new();
        let start = self.place;
        while self.peek()? != ']' || self.place == start {
            members.extend(self.member()?);
        }
        self.place += 1;
        if negated {
            let outside = |letter: &char| !members.iter().any(|(a, z)| (a..=z).contains(&letter));
            return ('a'..='z').chain('0'..='9').chain('A'..='Z').find(outside);
        }
        let chosen = self.choose(members.len());
        let &(first, last) = members.get(chosen)?;
        let width = (last as u32).checked_sub(first as u32)? as usize + 1;
        char::from_u32(first as u32 + self.choose(width) as u32)
    }

    fn member(&mut self) -> Option<Vec<(char, char)>> {
        let mut letter = self.peek()?;
        self.place += 1;
        if letter == '[' && self.eat(':') {
            let name: String =
                self.letters[self.place..].iter().take_while(|letter| **letter != ':').collect();
            self.place += name.len() + 2;
            return named_class(&name);
        }
        if letter == '\\' {
            letter = self.peek()?;
            self.place += 1;
            match letter {
                'd' => return named_class("digit"),
                'w' => return named_class("alnum"),
                's' => return named_class("space"),
                _ => {}
            }
        }
        let rest = &self.letters[self.place..];
        if let ['-', last, ..] = *rest
            && last != ']'
        {
            self.place += 2;
            return Some(vec![(letter, last)]);
        }
        Some(vec![(letter, letter)])
    }

    fn repetition(&mut self) -> Option<(usize, usize)> {
        let bounds = match self.peek() {
            Some('*') => (0, SOME_MORE),
            Some('+') => (1, SOME_MORE),
            Some('?') => (0, 1),
            Some('{') => return self.counted(),
            _ => return Some((1, 1)),
        };
        self.place += 1;
        self.eat('?');
        Some(bounds)
    }

    fn counted(&mut self) -> Option<(usize, usize)> {
        let close = self.letters[self.place..].iter().position(|letter| *letter == '}')?;
        let text: String = self.letters[self.place + 1..self.place + close].iter().collect();
        self.place += close + 1;
        self.eat('?');
        let (least, most) = text.split_once(',').unwrap_or((&text, &text));
        let least = least.trim().parse().ok()?;
        Some((least, most.trim().parse().unwrap_or(least + SOME_MORE)))
    }
}

fn named_class(name: &str) -> Option<Vec<(char, char)>> {
    Some(match name {
        "alpha" => vec![('a', 'z'), ('A', 'Z')],
        "lower" => vec![('a', 'z')],
        "upper" => vec![('A', 'Z')],
        "digit" => vec![('0', '9')],
        "xdigit" => vec![('0', '9'), ('a', 'f')],
        "alnum" => vec![('a', 'z'), ('0', '9'), ('A', 'Z')],
        "space" | "blank" => vec![(' ', ' ')],
        "punct" => vec![('-', '-'), ('.', '.')],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_what_the_expression_says() {
        for (expression, expected) in [
            ("^[a-z]{3}$", "baa"),
            ("^v\\d+\\.\\d+$", "v1.1"),
            ("^(red|green)$", "green"),
            ("^https?://.+", "https://x"),
            ("^[^a-y]+$", "z"),
            ("^[[:upper:]]{2}-[0-9]{2,}$", "BA-10"),
        ] {
            let text = sample(expression, 1).unwrap_or_else(|| panic!("{expression}"));
            assert_eq!(text.chars().count(), expected.chars().count(), "{expression}: {text}");
        }
        assert_eq!(sample("^#[0-9a-f]{6}$", 7).unwrap().len(), 7);
    }

    #[test]
    fn what_is_not_understood_gives_nothing() {
        for expression in ["(?=x)y", "[a", "(a", "a)", "a{x}", "*", "(a{999}){999}"] {
            assert_eq!(sample(expression, 0), None, "{expression}");
        }
    }

    #[test]
    fn numbers_make_a_difference() {
        assert_ne!(sample("^[a-z]{8}$", 1), sample("^[a-z]{8}$", 2));
    }
}
