//! An operation that is as it should be, read in one go: batches of a thousand are common.

use std::fmt;

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Op, Stamp};

/// An operation as it stands in a batch.
pub(super) struct Operation {
    pub(super) op: Op,
    pub(super) value: String,
    pub(super) stamp: Option<Stamp>,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Member {
    Op,
    Value,
    Stamp,
    #[serde(other)]
    Other,
}

/// Left to itself, serde would read an array as an operation, too.
impl<'de> Deserialize<'de> for Operation {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Operation;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an operation")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Operation, A::Error> {
        let (mut op, mut value, mut stamp) = (None, None, None);
        while let Some(member) = members.next_key()? {
            let is_second = match member {
                Member::Op => op.replace(members.next_value()?).is_some(),
                Member::Value => value.replace(members.next_value()?).is_some(),
                Member::Stamp => stamp.replace(members.next_value::<Option<Stamp>>()?).is_some(),
                Member::Other => {
                    members.next_value::<IgnoredAny>()?;
                    false
                }
            };
            if is_second {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        match (op, value) {
            (Some(op), Some(value)) => Ok(Operation { op, value, stamp: stamp.flatten() }),
            _ => Err(A::Error::custom("a member is missing")),
        }
    }
}
