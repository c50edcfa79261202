//! Values of every type, as PostgreSQL's input functions read them.

use chrono::{Days, NaiveDate, TimeDelta};

use super::shape::{TypeShape, TypeSort};

/// Longer text is stored out of line and compressed, as most long text is.
const LONG_TEXT: usize = 1_000;

const LETTERS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// An unremarkable value. Where the type has room for it, another `number` gives another value.
pub(super) fn plain(value_type: &TypeShape, modifier: i32, number: u64) -> String {
    match &value_type.sort {
        TypeSort::Base(name) => plain_base(name, modifier, number),
        TypeSort::Enum(labels) if labels.is_empty() => String::new(),
        TypeSort::Enum(labels) => labels[index(number, labels.len())].clone(),
        TypeSort::Domain { base, modifier, .. } => plain(base, *modifier, number),
        TypeSort::Composite(fields) => {
            let values =
                fields.iter().map(|(field, modifier)| quoted(&plain(field, *modifier, number)));
            format!("({})", values.collect::<Vec<_>>().join(","))
        }
        TypeSort::Range(subtype) => {
            let bounds = [number * 10, number * 10 + 5].map(|bound| plain(subtype, -1, bound));
            format!("[{},{})", quoted(&bounds[0]), quoted(&bounds[1]))
        }
        TypeSort::Multirange(range) => format!("{{{}}}", plain(range, -1, number)),
        TypeSort::Array(element) => format!("{{{}}}", quoted(&plain(element, modifier, number))),
    }
}

/// Values at the edges of the type, and shapes that people forget.
pub(super) fn edges(value_type: &TypeShape, modifier: i32) -> Vec<String> {
    match &value_type.sort {
        TypeSort::Base(name) => edges_of_base(name, modifier),
        TypeSort::Enum(labels) => labels.iter().rev().cloned().collect(),
        TypeSort::Domain { base, modifier, .. } => edges(base, *modifier),
        TypeSort::Composite(_) => Vec::new(),
        TypeSort::Range(_) => vec!["empty".to_owned(), "(,)".to_owned()],
        TypeSort::Multirange(_) => vec!["{}".to_owned()],
        TypeSort::Array(element) => {
            let two = [0, 1].map(|number| quoted(&plain(element, modifier, number)));
            vec!["{}".to_owned(), format!("{{{}}}", two.join(","))]
        }
    }
}

/// The same of a type that is no enum, domain or the like, by its name in the catalog.
pub(super) fn plain_base(name: &str, modifier: i32, number: u64) -> String {
    let octets = || format!("{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255);
    let hex = |width: usize| format!("{number:0width$x}");
    match name {
        "bool" => (number.is_multiple_of(2)).to_string(),
        "int2" => (1 + number % 32_000).to_string(),
        "int4" | "int8" | "oid" | "xid" | "xid8" | "cid" => (1 + number).to_string(),
        "float4" | "float8" => format!("{}.5", 1 + number),
        "numeric" => numeric(modifier, 1 + number),
        "money" => format!("{}.25", 1 + number),
        "varchar" | "bpchar" => short_text(modifier, number),
        "char" => char::from(b'a' + (number % 26) as u8).to_string(),
        "uuid" => {
            format!("{:08x}-0000-4000-8000-{number:012x}", number.wrapping_mul(0x9e37) as u32)
        }
        "date" => date(number).to_string(),
        "timestamp" => timestamp(number),
        "timestamptz" => format!("{}+00", timestamp(number)),
        "time" => timestamp(number)[11..].to_owned(),
        "timetz" => format!("{}+00", &timestamp(number)[11..]),
        "interval" => format!("{} minutes", 1 + number),
        "json" | "jsonb" => "{}".to_owned(),
        "jsonpath" => format!("$.row{number}"),
        "bytea" => format!("\\x{}", hex(16)),
        "inet" => format!("10.{}", octets()),
        "cidr" => format!("10.{}/32", octets()),
        "macaddr" => format!("02:00:00:{}", octets_in_hex(number)),
        "macaddr8" => format!("02:00:00:00:00:{}", octets_in_hex(number)),
        "bit" => bits(modifier.max(1) as usize, number),
        "varbit" => bits(if modifier > 0 { modifier as usize } else { 16 }, number),
        "point" => format!("({number},1)"),
        "line" => format!("{{1,-1,{number}}}"),
        "lseg" => format!("[({number},0),({number},1)]"),
        "box" => format!("({number}.5,1),({number},0)"),
        "path" | "polygon" => format!("((0,0),({number},1),(1,{number}))"),
        "circle" => format!("<({number},0),0.25>"),
        "tsvector" => format!("'row' '{number}'"),
        "tsquery" => format!("'row' & '{number}'"),
        "xml" => format!("<row number=\"{number}\"/>"),
        "pg_lsn" => format!("0/{}", hex(1)),
        "tid" => format!("({},1)", number % 1_000_000),
        "txid_snapshot" | "pg_snapshot" => format!("{0}:{0}:", 1 + number),
        "regclass" => "pg_class".to_owned(),
        "regtype" => "integer".to_owned(),
        "regproc" | "regprocedure" => "now".to_owned(),
        "regnamespace" => "pg_catalog".to_owned(),
        "regrole" => "pg_monitor".to_owned(),
        "regconfig" => "simple".to_owned(),
        "hstore" => format!("\"row\"=>\"{number}\""),
        "ltree" | "lquery" => format!("1.{number}"),
        "vector" | "halfvec" => {
            format!("[{}]", vec!["1"; modifier.clamp(1, 16_000) as usize].join(","))
        }
        "geometry" | "geography" => format!("POINT({} {})", number % 180, number % 90),
        "cube" => format!("({number})"),
        "semver" => format!("1.{number}.0"),
        "isbn" | "isbn13" => "978-0-393-04002-9".to_owned(),
        _ => format!("row {number}"),
    }
}

fn edges_of_base(name: &str, modifier: i32) -> Vec<String> {
    let list: &[&str] = match name {
        "int2" => &["0", "-1", "32767", "-32768"],
        "int4" => &["0", "-1", "2147483647", "-2147483648"],
        "int8" => &["0", "-1", "9223372036854775807", "-9223372036854775808"],
        "float4" => &["0", "-1", "1e30"],
        "float8" => &["0", "-1", "1e300"],
        "numeric" | "money" => &["0", "-1"],
        "bool" => &["true", "false"],
        "text" | "citext" => {
            let mut texts = odd_texts();
            texts.push("é".repeat(LONG_TEXT));
            return texts;
        }
        "varchar" | "bpchar" => {
            let room = text_room(modifier).unwrap_or(LONG_TEXT);
            let mut texts = odd_texts();
            texts.push("é".repeat(room.min(LONG_TEXT)));
            texts.retain(|text| text.chars().count() <= room);
            return texts;
        }
        "date" => &["0001-01-01", "9999-12-31", "1970-01-01", "2000-02-29"],
        "timestamp" | "timestamptz" => &[
            "0001-01-01 00:00:00+00",
            "9999-12-31 23:59:59.999999+00",
            "1970-01-01 00:00:00+00",
            "2024-03-31 01:30:00+00",
        ],
        "time" => &["00:00:00", "23:59:59.999999"],
        "interval" => &["0", "-1 day", "100 years"],
        "json" | "jsonb" => &[
            "[]",
            r#"{"a": [1, {"b": null}], "ключ": "значение"}"#,
            r#"[{"id": 1, "name": "row"}]"#,
            r#""text""#,
            "null",
        ],
        "bytea" => &["\\x", "\\x00ff"],
        "inet" => &["::1", "255.255.255.255", "2001:db8::/32"],
        "cidr" => &["::/0", "0.0.0.0/0"],
        "uuid" => &["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"],
        "tsvector" | "hstore" => &[""],
        _ => &[],
    };
    list.iter().map(|&text| text.to_owned()).collect()
}

fn odd_texts() -> Vec<String> {
    ["", "O'Brien said \"100 %\" \\ _", "Größe Ελλάδα 日本語 🚀 عربى", " two\nlines\tand a tab "]
        .map(str::to_owned)
        .to_vec()
}

/// In characters.
pub(super) fn text_room(modifier: i32) -> Option<usize> {
    usize::try_from(modifier - 4).ok().filter(|_| modifier >= 4)
}

fn short_text(modifier: i32, number: u64) -> String {
    let text = format!("row {number}");
    match text_room(modifier) {
        Some(1) if number >= LETTERS.len() as u64 => one_sign(number),
        Some(room) if room < text.len() => in_letters(room, number),
        _ => text,
    }
}

/// One of the ideographs of Unicode's first block, since a key of one letter is soon used up.
fn one_sign(number: u64) -> String {
    const FIRST: u32 = 0x4e00;
    const COUNT: usize = 0x9fff - 0x4e00 + 1;
    char::from_u32(FIRST + index(number, COUNT) as u32).expect("an ideograph").to_string()
}

/// The number in `width` letters and digits, its last ones if it has more.
pub(super) fn in_letters(width: usize, mut number: u64) -> String {
    let mut letters = vec![b'a'; width];
    for letter in letters.iter_mut().rev() {
        *letter = LETTERS[index(number, LETTERS.len())];
        number /= 36;
    }
    String::from_utf8(letters).expect("ASCII letters")
}

fn numeric(modifier: i32, number: u64) -> String {
    if modifier < 4 {
        return number.to_string();
    }
    let (precision, scale) = ((modifier - 4) >> 16 & 0xffff, (modifier - 4) & 0x7ff);
    // Eleven bits with a sign.
    let scale = if scale > 1_023 { scale - 2_048 } else { scale };
    let whole = (precision - scale).clamp(0, 18) as u32;
    match (whole, scale) {
        (0, 1..) => format!("0.{:0>width$}", number % 10, width = scale as usize),
        _ => (number % 10_u64.pow(whole)).to_string(),
    }
}

fn date(number: u64) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2020, 1, 1).expect("a date");
    first.checked_add_days(Days::new(number % 1_000_000)).unwrap_or(first)
}

fn timestamp(number: u64) -> String {
    let midnight = date(0).and_hms_opt(0, 0, 0).expect("a time");
    let minutes = TimeDelta::minutes((number % 1_000_000_000) as i64);
    midnight.checked_add_signed(minutes).unwrap_or(midnight).to_string()
}

fn octets_in_hex(number: u64) -> String {
    format!("{:02x}:{:02x}:{:02x}", number >> 16 & 255, number >> 8 & 255, number & 255)
}

fn bits(width: usize, number: u64) -> String {
    let text = format!("{number:0width$b}");
    text[text.len() - width..].to_owned()
}

/// As a field of an array, a composite value or a range.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn index(number: u64, length: usize) -> usize {
    (number % length as u64) as usize
}
