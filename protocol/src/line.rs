//! Many messages in one payload: one JSON object a line.

use serde::Serialize;

/// Appends `message` to `payload` as one line. Line breaks in raw JSON that it carries become spaces.
///
/// # Panics
/// If `message` cannot be JSON: a mistake in this code base, not in input.
pub fn append<T: Serialize>(payload: &mut Vec<u8>, message: &T) {
    let start = payload.len();
    serde_json::to_writer(&mut *payload, message).expect("own types are JSON");
    // In strings they are escaped, so these stand between the tokens of a `RawValue`.
    let mut at = start;
    while let Some(next) = memchr::memchr2(b'\n', b'\r', &payload[at..]) {
        at += next;
        payload[at] = b' ';
    }
    payload.push(b'\n');
}

/// The payload of `message` alone.
#[must_use]
pub fn one<T: Serialize>(message: &T) -> Vec<u8> {
    let mut payload = Vec::with_capacity(256);
    append(&mut payload, message);
    payload
}

/// The lines of `payload`; empty ones are skipped, so a final line break is optional.
pub fn split(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    payload.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::*;

    #[test]
    fn lines_come_out_as_they_went_in() {
        let mut payload = Vec::new();
        append(&mut payload, &1);
        append(&mut payload, &"a\nb");
        let lines: Vec<&[u8]> = split(&payload).collect();
        assert_eq!(lines, [&b"1"[..], &b"\"a\\nb\""[..]]);
    }

    #[test]
    fn raw_json_of_several_lines_becomes_one_line() {
        let raw = RawValue::from_string("{\n\"a\":\r\n1}".to_owned()).unwrap();
        assert_eq!(one(&raw), b"{ \"a\":  1}\n");
    }

    #[test]
    fn empty_lines_are_skipped() {
        assert_eq!(split(b"\n\n{}\r\n \n").count(), 1);
        assert_eq!(split(b"").count(), 0);
    }
}
