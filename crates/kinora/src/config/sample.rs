//! `deploy/kinora.toml` is the manual of the settings: it names all of them, and shows their defaults as they are.

use std::cell::RefCell;
use std::collections::BTreeSet;

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{Deserialize as _, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;
use template::{Template, standard};
use toml::Value;

use super::{Config, layers};

/// Settings that have no default, or one that depends on the machine: what the file shows of them is an example.
const EXAMPLES: [&[&str]; 16] = [
    &["s3_public_url"],
    &["database"],
    &["log"],
    &["mail", "smtp", "port"],
    &["mail", "smtp", "user"],
    &["mail", "smtp", "password"],
    &["mail", "smtp", "ca_file"],
    &["edge", "trusted_proxies"],
    &["playback", "cors"],
    &["s3_face", "domains"],
    &["worker", "slots"],
    &["upload", "page_origins"],
    &["store", "reserve_bytes"],
    &["metrics"],
    &["templates"],
    &["rules"],
];

/// The file's settings, those that stand at their defaults included: `#name = value` and `#[group]` are settings,
/// `# text` is for people.
fn everything() -> toml::Table {
    let in_force = |line: &'static str| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '[') => rest,
        _ => line,
    };
    merged(&sample().lines().map(in_force).fold(String::new(), |all, line| all + line + "\n"))
}

fn sample() -> &'static str {
    include_str!("../../../../deploy/kinora.toml")
}

/// As it is read, but for files with secrets, which are on the machine that the file speaks of.
fn merged(text: &str) -> toml::Table {
    let text = text
        .replace("password_file = \"/etc/kinora/smtp-password\"", "password = \"x\"")
        .replace("token_file = \"/etc/kinora/metrics-token\"", "token = \"0123456789abcdef\"");
    layers::merge(&text, std::iter::empty(), &layers::SECRETS).unwrap()
}

fn config(table: toml::Table) -> Config {
    Value::Table(table).try_into().unwrap()
}

#[test]
fn the_file_is_right_as_it_stands_and_with_every_line_in_force() {
    let read = |table: toml::Table| Config::layered(&table.to_string(), std::iter::empty()).unwrap();
    assert_eq!(read(merged(sample())).public_url.unwrap().as_str(), "https://films.example.org/");
    let own = read(everything()).templates.named("archive").unwrap().clone();
    assert_eq!(own, Template { name: own.name.clone(), ..standard() });
}

#[test]
fn lines_that_stand_at_their_defaults_change_nothing() {
    let mut all = everything();
    for path in EXAMPLES {
        assert!(layers::remove(&mut all, path).is_some(), "the file has no example of {path:?}");
    }
    let said = |config: &Config| format!("{config:#?}");
    let (all, usual) = (said(&config(all)), said(&config(merged(sample()))));
    let changed: Vec<_> = all.lines().zip(usual.lines()).filter(|(line, usual)| line != usual).collect();
    assert!(all == usual, "these are not the defaults: {changed:#?}");
}

#[test]
fn every_setting_is_there() {
    let seen = RefCell::default();
    Config::deserialize(Seen { value: Value::Table(everything()), at: String::new(), names: &seen }).unwrap();
    let Names { known, said } = seen.into_inner();
    let missing: Vec<_> = known.difference(&said).collect();
    assert!(missing.is_empty(), "deploy/kinora.toml does not mention {missing:#?}");
    assert!(known.contains("rules.bucket") && known.contains("edge.head_ms") && known.len() > 100);
}

/// Names of settings, with those of their groups.
#[derive(Default)]
struct Names {
    /// Those that can be said.
    known: BTreeSet<String>,
    /// Those that are said.
    said: BTreeSet<String>,
}

/// A value of the settings that notes which names its reader knows.
struct Seen<'a> {
    value: Value,
    /// The name of its group, with a point.
    at: String,
    names: &'a RefCell<Names>,
}

impl<'a> Seen<'a> {
    fn within(&self, value: Value, at: String) -> Seen<'a> {
        Seen { value, at, names: self.names }
    }
}

impl<'de> IntoDeserializer<'de, toml::de::Error> for Seen<'_> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Seen<'_> {
    type Error = toml::de::Error;

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        let table = self.value.as_table_mut().map(std::mem::take).expect("a group");
        let name = |name: &str| format!("{}{name}", self.at);
        self.names.borrow_mut().known.extend(fields.iter().map(|field| name(field)));
        self.names.borrow_mut().said.extend(table.keys().map(|said| name(said)));
        let within = table.into_iter().map(|(key, value)| {
            let at = name(&key) + ".";
            (key, self.within(value, at))
        });
        visitor.visit_map(MapDeserializer::new(within))
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Self::Error> {
        let list = self.value.as_array_mut().map(std::mem::take).expect("a list");
        visitor.visit_seq(SeqDeserializer::new(
            list.into_iter().map(|value| self.within(value, self.at.clone())),
        ))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.value.deserialize_enum(name, variants, visitor)
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        self.value.deserialize_any(visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct tuple tuple_struct map
        identifier ignored_any
    }
}
