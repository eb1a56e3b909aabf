//! What was done to a set.

use serde::{Deserialize, Serialize};

use crate::Stamp;

/// What is done to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Op {
    /// The set contains it from now on.
    Add,
    /// The set no longer contains it.
    Remove,
}

/// One change: `{"op":"add","value":"milk","stamp":[1700000000000,"phone"]}` in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// What is done.
    pub op: Op,
    /// To which value.
    pub value: String,
    /// When, and by whom.
    pub stamp: Stamp,
}

impl Operation {
    /// Adds a value.
    #[must_use]
    pub fn add(value: impl Into<String>, stamp: Stamp) -> Self {
        Self { op: Op::Add, value: value.into(), stamp }
    }

    /// Removes a value.
    #[must_use]
    pub fn remove(value: impl Into<String>, stamp: Stamp) -> Self {
        Self { op: Op::Remove, value: value.into(), stamp }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_written_as_its_three_members() {
        let text = r#"{"op":"remove","value":"a,b/\u0000😀","stamp":[1,"phone"]}"#;
        let operation: Operation = serde_json::from_str(text).unwrap();
        assert_eq!(operation, Operation::remove("a,b/\0😀", operation.stamp.clone()));
        assert_eq!(serde_json::to_string(&operation).unwrap(), text);
    }

    #[test]
    fn what_is_no_operation_is_refused() {
        for bad in [
            r#"{"op":"ADD","value":"a","stamp":[1,"a"]}"#,
            r#"{"op":"add","value":1,"stamp":[1,"a"]}"#,
            r#"{"op":"add","value":"a"}"#,
            r#"{"op":"add","value":"a","stamp":[1,"a"],"extra":1}"#,
            r#"{"op":"add","value":"\ud800","stamp":[1,"a"]}"#,
        ] {
            assert!(serde_json::from_str::<Operation>(bad).is_err(), "{bad}");
        }
    }
}
