//! The vectors of `lww-set/vectors`, which all languages run: see the README there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use lww_set::{LwwSet, Op, Operation, Outcome, Stamp};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[expect(dead_code, reason = "for people")]
    about: String,
    cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    operations: Vec<Operation>,
    outcomes: Vec<Told>,
    entries: Vec<Operation>,
    contained: Vec<String>,
    digest: String,
}

/// An outcome as a client is told it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case", deny_unknown_fields)]
enum Told {
    Applied { stamp: Stamp },
    Superseded { op: Op, stamp: Stamp },
    Duplicate { stamp: Stamp },
}

fn told(set: &mut LwwSet, operation: &Operation) -> Told {
    let stamp = operation.stamp.clone();
    match set.apply(operation.clone()) {
        Outcome::Applied => Told::Applied { stamp },
        Outcome::Superseded(winner) => Told::Superseded { op: winner.op, stamp: winner.stamp },
        Outcome::Duplicate => Told::Duplicate { stamp },
    }
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let read = |path| serde_json::from_str::<File>(&fs::read_to_string(path).unwrap()).unwrap().cases;
    paths.iter().flat_map(read).collect()
}

#[test]
fn each_vector_has_its_outcomes_entries_values_and_digest() {
    for case in cases() {
        let mut set = LwwSet::new();
        let outcomes: Vec<Told> = case.operations.iter().map(|operation| told(&mut set, operation)).collect();
        assert_eq!(outcomes, case.outcomes, "{}", case.name);
        assert_eq!(set.operations().collect::<Vec<_>>(), case.entries, "{}", case.name);
        assert_eq!(set.iter().map(|(value, _)| value).collect::<Vec<_>>(), case.contained, "{}", case.name);
        assert_eq!(set.digest(), case.digest, "{}", case.name);
    }
}

#[test]
fn the_vectors_have_names_of_their_own_and_every_outcome() {
    let cases = cases();
    let names: BTreeSet<&String> = cases.iter().map(|case| &case.name).collect();
    assert_eq!(names.len(), cases.len());
    let outcomes: Vec<&Told> = cases.iter().flat_map(|case| &case.outcomes).collect();
    assert!(outcomes.iter().any(|told| matches!(told, Told::Applied { .. })));
    assert!(outcomes.iter().any(|told| matches!(told, Told::Superseded { .. })));
    assert!(outcomes.iter().any(|told| matches!(told, Told::Duplicate { .. })));
}
