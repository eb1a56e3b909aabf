//! A message to a topic: it reaches every joined connection, on every node.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::body::{Body, Claim, Json};
use crate::id::ConnectionId;

/// A message to a topic.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Wire")]
pub struct Push {
    /// One JSON object.
    pub body: Body,
    /// With a key a push is *state*: a newer one replaces an unsent elder. Without, it is an *event*: each one counts.
    pub key: Option<String>,
    /// For state: a node never delivers a version that is not above the newest that it delivered for this topic and key.
    pub version: Option<u64>,
    /// A connection that is not to get it.
    pub except: Option<ConnectionId>,
}

impl Push {
    /// An event: each one counts.
    #[must_use]
    pub fn event(body: Json) -> Self {
        Self { body: Body::Inline(body), key: None, version: None, except: None }
    }

    /// State: only the newest version matters.
    #[must_use]
    pub fn state(body: Body, key: &str, version: u64) -> Self {
        Self { body, key: Some(key.to_owned()), version: Some(version), except: None }
    }
}

#[derive(Deserialize)]
struct Wire {
    body: Option<Json>,
    claim: Option<Claim>,
    key: Option<String>,
    version: Option<u64>,
    except: Option<ConnectionId>,
}

impl TryFrom<Wire> for Push {
    type Error = &'static str;

    fn try_from(wire: Wire) -> Result<Self, Self::Error> {
        let body = Body::from_parts(wire.body, wire.claim)?.ok_or("a push needs a body or a claim")?;
        if wire.version.is_some() && wire.key.is_none() {
            return Err("only a push with a key has a version");
        }
        Ok(Self { body, key: wire.key, version: wire.version, except: wire.except })
    }
}

impl Serialize for Push {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct WireRef<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            body: Option<&'a RawValue>,
            #[serde(skip_serializing_if = "Option::is_none")]
            claim: Option<&'a Claim>,
            #[serde(skip_serializing_if = "Option::is_none")]
            key: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            version: Option<u64>,
            #[serde(skip_serializing_if = "Option::is_none")]
            except: Option<ConnectionId>,
        }
        let (body, claim) = self.body.parts();
        WireRef { body, claim, key: self.key.as_deref(), version: self.version, except: self.except }
            .serialize(serializer)
    }
}
