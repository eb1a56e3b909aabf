//! The constants of a module, read from its source, so that a new one cannot be left out of the documents.

use std::collections::BTreeMap;

/// The public constants of the integer type `of` (or of any integer type, if it is empty), and their values.
pub(crate) fn constants(source: &str, of: &str) -> BTreeMap<String, u64> {
    let constants = source.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("pub const ")?.split_once(": ")?;
        let (kind, value) = rest.strip_suffix(';')?.split_once(" = ")?;
        let integer = matches!(kind, "usize" | "u64" | "u32" | "u16");
        let wanted = if of.is_empty() { integer } else { kind == of };
        wanted.then(|| (name.to_owned(), product(value)))
    });
    let found: BTreeMap<String, u64> = constants.collect();
    assert!(!found.is_empty(), "the source has constants of type {of:?}");
    found
}

fn product(value: &str) -> u64 {
    let factor =
        |text: &str| text.replace('_', "").parse::<u64>().unwrap_or_else(|_| panic!("{value} is a product"));
    value.split(" * ").map(factor).product()
}
