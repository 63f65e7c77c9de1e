//! How a field on which both sides differ is decided, as the app says it.

use std::fmt;

use crate::protocol::Pointer;
use crate::protocol::value::Value;

/// How a field is decided that both sides have changed, each to something else.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// What this client has.
    #[default]
    Local,
    /// What the server has.
    Remote,
    /// What the side has whose document has the later time at this place; local's, where none is later. Clocks are trusted.
    LastWriter(Pointer),
    /// The larger number, or the later text in the order of its characters.
    Max,
    /// The smaller one.
    Min,
    /// What the base has, with what both have added: of 64-bit integers. Where both have the same it counts once, since it may be the
    /// same write, seen twice.
    Sum,
    /// A list without an order: what either side added, without what either removed.
    Set,
    /// A list of objects that have their names at this place. They are merged one by one, as documents.
    List(Pointer),
    /// A thread of messages that have their names and times at these places. What one side deleted stays deleted.
    Messages {
        /// Where a message has its name.
        id: Pointer,
        /// Where it has its time.
        at: Pointer,
    },
    /// A text, merged character by character.
    Text,
    /// What never changes: where documents are merged it is the base's, whoever has changed it.
    Fixed,
    /// What the app's own function says. Until then, what this client has.
    App,
    /// What a person says, the same.
    Manual,
}

/// The rules of a collection: for its fields, and for all others. A rule at a place says of all of an object there what becomes of
/// it; without one, its members are merged.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    fields: Vec<(Vec<String>, Rule)>,
    otherwise: Rule,
}

/// Why something is no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// There is no rule that is written like that.
    NoRule,
    /// A place is no pointer.
    NoPointer,
    /// Rules are one rule, or an object of `fields` and `otherwise`.
    NoRules,
}

impl RuleError {
    /// The same in words.
    pub fn said(self) -> &'static str {
        match self {
            RuleError::NoRule => {
                "a rule is local, remote, max, min, sum, set, text, fixed, manual, { lastWriter }, { list } or { messages: { id, at } }"
            }
            RuleError::NoPointer => "places are RFC 6901 pointers",
            RuleError::NoRules => "rules are one rule, or { fields, otherwise }",
        }
    }
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.said())
    }
}

impl std::error::Error for RuleError {}

/// The rules that are a word.
const WORDS: [(&str, Rule); 10] = [
    ("local", Rule::Local),
    ("remote", Rule::Remote),
    ("max", Rule::Max),
    ("min", Rule::Min),
    ("sum", Rule::Sum),
    ("set", Rule::Set),
    ("text", Rule::Text),
    ("fixed", Rule::Fixed),
    ("app", Rule::App),
    ("manual", Rule::Manual),
];

fn pointer(value: Option<&Value>) -> Result<Pointer, RuleError> {
    let Some(Value::String(text)) = value else { return Err(RuleError::NoPointer) };
    Pointer::parse(text).map_err(|_| RuleError::NoPointer)
}

impl Rule {
    fn of(value: &Value) -> Result<Rule, RuleError> {
        match value {
            Value::String(word) => {
                let known = WORDS.iter().find(|(name, _)| name == word);
                known.map(|(_, rule)| rule.clone()).ok_or(RuleError::NoRule)
            }
            Value::Object(members) => match members.only() {
                Some((name, place)) if name == "lastWriter" => Ok(Rule::LastWriter(pointer(Some(place))?)),
                Some((name, place)) if name == "list" => Ok(Rule::List(pointer(Some(place))?)),
                Some((name, Value::Object(places))) if name == "messages" => {
                    Ok(Rule::Messages { id: pointer(places.get("id"))?, at: pointer(places.get("at"))? })
                }
                _ => Err(RuleError::NoRule),
            },
            _ => Err(RuleError::NoRule),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Rule::LastWriter(_) => "lastWriter",
            Rule::List(_) => "list",
            Rule::Messages { .. } => "messages",
            word => WORDS.iter().find(|(_, rule)| rule == word).map_or("", |(name, _)| name),
        }
    }
}

impl Rules {
    /// One rule for all fields.
    pub fn all(rule: Rule) -> Rules {
        Rules { fields: Vec::new(), otherwise: rule }
    }

    /// Reads one rule, or `{ fields: { pointer: rule }, otherwise: rule }`. In a pointer, `*` stands for any name, and for each item of
    /// a list that is merged item by item.
    pub fn of(value: &Value) -> Result<Rules, RuleError> {
        let Value::Object(members) = value else { return Rule::of(value).map(Rules::all) };
        if members.get("fields").is_none() && members.get("otherwise").is_none() {
            return Rule::of(value).map(Rules::all);
        }
        let mut rules = Rules::default();
        for (name, value) in members.iter() {
            match (&**name, value) {
                ("fields", Value::Object(fields)) => {
                    for (place, rule) in fields.iter() {
                        let place = Pointer::parse(place).map_err(|_| RuleError::NoPointer)?;
                        rules.fields.push((place.tokens(), Rule::of(rule)?));
                    }
                }
                ("otherwise", rule) => rules.otherwise = Rule::of(rule)?,
                _ => return Err(RuleError::NoRules),
            }
        }
        Ok(rules)
    }

    /// The rule for the place that these names lead to, where there is one for just that.
    pub(super) fn at(&self, way: &[String]) -> Option<&Rule> {
        let is_it =
            |tokens: &[String]| tokens.len() == way.len() && tokens.iter().zip(way).all(|(token, name)| token == name || token == "*");
        self.fields.iter().find(|(tokens, _)| is_it(tokens)).map(|(_, rule)| rule)
    }

    /// Whether any of them leaves something to the app, or to a person.
    pub fn leaves(&self) -> bool {
        let leaves = |rule: &Rule| matches!(rule, Rule::App | Rule::Manual);
        leaves(&self.otherwise) || self.fields.iter().any(|(_, rule)| leaves(rule))
    }

    /// The rule for all others.
    pub(super) fn otherwise(&self) -> &Rule {
        &self.otherwise
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::words;

    fn read(text: &str) -> Result<Rules, RuleError> {
        Rules::of(&Value::parse(text).unwrap())
    }

    #[test]
    fn rules_are_plain_data() {
        for (name, rule) in WORDS {
            assert_eq!(read(&words::join(&["\"", name, "\""])), Ok(Rules::all(rule.clone())));
            assert_eq!(rule.name(), name);
        }
        let rules =
            read(r#"{"fields":{"/a~1b/*":{"list":"/id"},"/c":{"messages":{"id":"/id","at":"/at"}}},"otherwise":{"lastWriter":"/t"}}"#);
        let rules = rules.unwrap();
        let at = |way: &[&str]| rules.at(&way.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).map(Rule::name);
        assert_eq!((at(&["a/b", "x"]), at(&["c"]), at(&["a/b"])), (Some("list"), Some("messages"), None));
        assert_eq!(rules.otherwise().name(), "lastWriter");
    }

    #[test]
    fn what_is_no_rule_says_why() {
        for (text, why) in [
            (r#""both""#, RuleError::NoRule),
            ("null", RuleError::NoRule),
            ("{}", RuleError::NoRule),
            (r#"{"list":"/a","lastWriter":"/b"}"#, RuleError::NoRule),
            (r#"{"list":"a"}"#, RuleError::NoPointer),
            (r#"{"messages":{"id":"/id"}}"#, RuleError::NoPointer),
            (r#"{"fields":{"a":"local"}}"#, RuleError::NoPointer),
            (r#"{"fields":{"/a":"more"}}"#, RuleError::NoRule),
            (r#"{"fields":{},"others":"local"}"#, RuleError::NoRules),
            (r#"{"fields":[]}"#, RuleError::NoRules),
        ] {
            assert_eq!(read(text), Err(why), "{text}");
        }
    }
}
