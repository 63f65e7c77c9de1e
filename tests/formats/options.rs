//! The engine's options as JSON: the defaults, and every option given.

use serde::Serialize;
use serde_json::Value;
use syncline::engine::config::{Config, Level, TransportKind};

use crate::vectors::{Vectors, assert_covered, members, variants};

variants!(TransportKind as transport_name, TRANSPORTS: Protocol, Functions, None);
variants!(Level as level_name, LEVELS: A, B, C);

#[derive(Serialize)]
struct Line {
    name: &'static str,
    options: Config,
}

/// Every option given, none as it is by default. Without `..`: an option that is added needs a vector.
fn all(transport: TransportKind) -> Config {
    Config {
        scope: "3da0fd9c44cfc9ee".into(),
        transport,
        cross_origin: true,
        groups: false,
        level: if transport == TransportKind::None { Level::C } else { Level::B },
        accepts: vec!["put".into(), "delete".into()],
        auth: true,
        feeds: vec!["mine".into(), "room?id=7".into()],
        uncoalesced: vec!["votes".into()],
        versions: [("votes", 2)].into(),
        merge: serde_json::from_str(r#"{"notes":{"fields":{"/text":"text"},"otherwise":"remote"}}"#).unwrap(),
        strict: false,
        mirror: true,
        mirror_awaited: true,
        witnessed: true,
        outbox_entries_max: 1,
        outbox_bytes_max: 2,
        members_max: 21,
        memory_bytes_max: 22,
        documents_max: 23,
        inbox_max: 3,
        inbox_bytes_max: 20,
        mutation_bytes_max: 4,
        awaited: vec!["018bcfe5-699a-7e7e-918c-79c715d575d0".into()],
        batch_window_ms: 5,
        batch_items_max: 6,
        batch_bytes_max: 7,
        batches_in_flight_max: 8,
        poll_base_ms: 9,
        poll_max_ms: 10,
        pull_limit: 11,
        reply_bytes_max: 12,
        progress_ms: 13,
        request_ms_max: 14,
        upload_bytes_per_s: 15,
        compact_idle_ms: 16,
        compact_bytes_min: 17,
        page_directly_bytes: 18,
        page_bytes: 19,
    }
}

fn samples() -> [(&'static str, Config); 3] {
    [
        ("none given: the defaults", Config::default()),
        ("all given", all(TransportKind::Functions)),
        ("all given, nobody answers", all(TransportKind::None)),
    ]
}

#[test]
fn options_are_written_and_read_as_their_vectors_say() {
    let mut vectors = Vectors::of("options.json", "options");
    for (name, options) in samples() {
        let text = vectors.pin(name, &Line { name, options: options.clone() });
        let read: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(Config::read(&read["options"].to_string()), Ok(options), "{name}");
    }
    vectors.close();
    assert_covered("transports", TRANSPORTS, samples().iter().map(|(_, options)| transport_name(&options.transport)));
    assert_covered("levels", LEVELS, samples().iter().map(|(_, options)| level_name(&options.level)));
}

#[test]
fn an_option_that_is_not_given_is_as_by_default() {
    assert_eq!(Config::read("{}"), Ok(Config::default()));
    let (defaults, given) = (serde_json::to_value(Config::default()).expect("JSON"), all(TransportKind::Functions));
    let given = serde_json::to_value(given).expect("JSON");
    for (option, value) in given.as_object().expect("an object") {
        let one = Config::read(&serde_json::json!({ option: value }).to_string()).expect(option);
        let mut expected = defaults.clone();
        expected[option] = value.clone();
        assert_ne!(expected, defaults, "{option}: the vector gives another value than the default");
        assert_eq!(serde_json::to_value(one).expect("JSON"), expected, "{option}");
    }
}

#[test]
fn an_option_that_nothing_reads_is_refused_by_its_name() {
    for text in members("options.json")["refused"].get().lines().filter(|line| line.starts_with('{')) {
        let option = text.split('"').nth(1).expect("a name");
        assert_eq!(Config::read(text.trim_end_matches(',')), Err(option.to_owned()), "{text}");
    }
    assert!(Config::read("7").is_err());
}
