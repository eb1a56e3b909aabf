//! `docs/PROTOCOL.md` says what the code and the golden messages say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use protocol::ErrorCode;
use serde_json::Value;

use crate::source::constants;
use crate::vector::{lines, vectors};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

fn document() -> String {
    fs::read_to_string(folder().join("PROTOCOL.md")).unwrap()
}

/// The fenced blocks with what stands behind their opening fence.
fn blocks(document: &str) -> Vec<(&str, &str)> {
    let parts: Vec<&str> = document.split("\n```").collect();
    assert_eq!(parts.len() % 2, 1, "each fence is closed");
    let inner = parts.iter().skip(1).step_by(2);
    inner.map(|block| block.split_once('\n').unwrap()).collect()
}

/// The cells of each row of a table, without those of its head.
fn rows(document: &str) -> Vec<Vec<&str>> {
    let row = |line: &'_ str| line.starts_with("| ") && line.ends_with('|');
    let cells = |line| str::split(line, '|').map(str::trim).collect::<Vec<_>>();
    let rows = document.lines().filter(|line| row(line)).map(cells);
    rows.map(|cells| cells[1..cells.len() - 1].to_vec()).collect()
}

/// What stands between backquotes, if a cell is nothing else.
fn code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`').filter(|code| !code.contains('`'))
}

/// The rows that have a constant in one cell and a number in another.
fn numbers(rows: &[Vec<&str>], name_at: usize, number_at: usize) -> BTreeMap<String, u64> {
    let number = |cells: &Vec<&str>| {
        let name = code(cells.get(name_at)?)?;
        let constant =
            name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
        let number = cells.get(number_at)?.replace(',', "").parse().ok()?;
        constant.then(|| (name.to_owned(), number))
    };
    rows.iter().filter_map(number).collect()
}

#[test]
fn each_json_example_is_a_golden_message() {
    let document = document();
    let texts = |kind: &str| -> Vec<String> {
        let read = |vector: Value| vector["text"].as_str().unwrap().to_owned();
        vectors(&format!("{kind}.accepted.jsonl")).into_iter().map(read).collect()
    };
    let mut seen = BTreeSet::new();
    for (info, block) in blocks(&document) {
        let Some(kind) = info.strip_prefix("json") else {
            assert!(["", "python"].contains(&info), "a block is `{info}`");
            continue;
        };
        let kind = kind.trim();
        assert!(!kind.is_empty(), "a JSON example says what it is:\n{block}");
        let is_sent_to_us = kind.ends_with("_request") || kind.ends_with("_body");
        let golden = if is_sent_to_us { texts(kind) } else { lines(&format!("{kind}.jsonl")) };
        for line in block.lines() {
            assert!(golden.iter().any(|golden| golden == line), "this {kind} is not golden: {line}");
        }
        seen.insert(kind);
    }
    let all = [
        "announcement",
        "chat_message",
        "chat_request",
        "chat_response",
        "close",
        "error",
        "event",
        "files_body",
        "files_message",
        "files_request",
        "files_response",
        "numbers_ack",
        "numbers_listing",
        "numbers_request",
        "push",
        "reply",
        "sets_body",
        "sets_message",
        "sets_request",
        "sets_response",
    ];
    assert_eq!(seen, all.into());
}

#[test]
fn the_examples_show_each_kind_of_event_and_each_effect() {
    let document = document();
    let mut shown = BTreeSet::new();
    for (info, block) in blocks(&document) {
        for line in block.lines().filter(|_| info.starts_with("json ")) {
            let value: Value = serde_json::from_str(line).unwrap();
            shown.extend(value["kind"].as_str().map(ToOwned::to_owned));
            let effects = value["effects"].as_array().into_iter().flatten();
            shown.extend(effects.flat_map(|effect| effect.as_object().unwrap().keys().cloned()));
        }
    }
    for wanted in [
        "open",
        "message",
        "close",
        "http",
        "gap",
        "send",
        "claim",
        "id",
        "join",
        "leave",
        "session",
        "close_later",
        "push",
    ] {
        assert!(shown.contains(wanted), "no example shows {wanted}");
    }
}

#[test]
fn each_member_of_a_message_is_explained() {
    fn collect(value: &Value, members: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    members.insert(name.clone());
                    // What stands in these is the service's, or is named by others.
                    if !["body", "send", "session", "headers", "id"].contains(&name.as_str()) {
                        collect(value, members);
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect(item, members)),
            _ => {}
        }
    }
    let mut members = BTreeSet::new();
    for file in [
        "event",
        "reply",
        "push",
        "announcement",
        "error",
        "close",
        "chat_message",
        "chat_response",
        "numbers_listing",
        "sets_message",
        "sets_response",
        "files_message",
        "files_response",
    ] {
        for line in lines(&format!("{file}.jsonl")) {
            collect(&serde_json::from_str(&line).unwrap(), &mut members);
        }
    }
    for service in ["chat", "files", "numbers"] {
        members.remove(service);
    }
    let document = document();
    let explained: BTreeSet<&str> = rows(&document).iter().filter_map(|cells| code(cells[0])).collect();
    for member in members.iter().map(String::as_str).filter(|member| !["code", "reason"].contains(member)) {
        assert!(explained.contains(member), "`{member}` has no row");
    }
    assert!(document.contains("`code` and `reason`"));
}

#[test]
fn each_error_code_stands_there_with_its_status() {
    let document = document();
    let rows = rows(&document);
    let row = |code: &ErrorCode| {
        let name = serde_json::to_value(code).unwrap();
        let cell = format!("`{}`", name.as_str().unwrap());
        rows.iter().find(|cells| cells[0] == cell).unwrap_or_else(|| panic!("{cell} has no row"))
    };
    for error in ErrorCode::ALL {
        let cells = row(&error);
        assert_eq!(cells[1], error.status().to_string(), "{error:?}");
        assert_eq!(cells[3].contains("`retry-after`"), error.retry_after_s().is_some(), "{error:?}");
    }
    assert_eq!(ErrorCode::Unavailable.retry_after_s(), Some(1), "as the table says");
}

#[test]
fn each_close_code_stands_there_with_its_number() {
    let document = document();
    let codes = constants(include_str!("../../src/close.rs"), "u16");
    assert_eq!(numbers(&rows(&document), 1, 0), codes);
}

#[test]
fn each_limit_stands_there_with_its_value() {
    let document = document();
    let mut limits = constants(include_str!("../../src/limit.rs"), "");
    limits.extend(constants(include_str!("../../src/close.rs"), "usize"));
    limits.extend(constants(include_str!("../../src/numbers.rs"), "usize"));
    limits.extend(constants(include_str!("../../src/sets.rs"), ""));
    limits.extend(constants(include_str!("../../src/chat.rs"), ""));
    limits.extend(constants(include_str!("../../src/files.rs"), ""));
    limits.extend(constants(include_str!("../../../lww-set/src/replica.rs"), ""));
    let rows = rows(&document);
    assert_eq!(numbers(&rows, 0, 1), limits);
    for cells in rows.iter().filter(|cells| cells.len() == 5 && code(cells[0]).is_some()) {
        let name = cells[0].trim_matches('`');
        let unit = match name.rsplit_once('_').unwrap() {
            (_, "MS") => "milliseconds",
            (_, "S") => "seconds",
            _ if name.contains("_BYTES") => "bytes",
            _ => continue,
        };
        assert!(cells[2].starts_with(unit), "{name} is in {unit}");
    }
}

#[test]
fn each_limit_that_is_mentioned_exists() {
    let document = document();
    let table = numbers(&rows(&document), 0, 1);
    for mention in document.split("[`").skip(1).filter_map(|rest| rest.split_once("`](#limits)")) {
        assert!(table.contains_key(mention.0) || mention.0.contains('\n'), "{}", mention.0);
    }
}

#[test]
fn each_link_within_leads_somewhere() {
    let document = document();
    let anchors: BTreeSet<String> = document
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-"))
        .collect();
    for (target, _) in document.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
        match target.strip_prefix('#') {
            Some(anchor) => assert!(anchors.contains(anchor), "#{anchor}"),
            None if target.starts_with("https://") => {}
            None => assert!(folder().join(target).exists(), "{target}"),
        }
    }
}

#[test]
fn the_worker_in_python_is_the_one_that_is_tested() {
    let worker = fs::read_to_string(folder().join("examples/echo_worker.py")).unwrap();
    let document = document();
    let shown = blocks(&document).into_iter().find(|(info, _)| *info == "python").unwrap().1;
    assert_eq!(format!("{shown}\n"), worker);
}
