//! Whether Redis notifies of what the feed needs, and switching it on.

use std::collections::HashMap;

use broker::redis::aio::MultiplexedConnection;
use broker::redis::{self, RedisResult};

/// The option of Redis.
const OPTION: &str = "notify-keyspace-events";
/// What is needed: channels of keys, changes of any key (DEL, EXPIRE, RENAME), of hashes, expiry, eviction.
const NEEDED: &str = "Kghxe";
/// What Redis's `A` stands for.
const ALL: &str = "g$lshzxetd";

/// Checks the flags, and says once what is wrong with them.
#[derive(Default)]
pub(super) struct Flags {
    complaint: Option<String>,
}

impl Flags {
    /// Switches on what is missing, and keeps what is there. Where that is forbidden, says what to set, and
    /// goes on: somebody may have set it already where it cannot be seen.
    pub(super) async fn check(&mut self, connection: &mut MultiplexedConnection) -> RedisResult<()> {
        let get: RedisResult<HashMap<String, String>> =
            redis::cmd("CONFIG").arg("GET").arg(OPTION).query_async(connection).await;
        let flags = match get {
            Ok(mut options) => options.remove(OPTION).unwrap_or_default(),
            Err(error) if error.code().is_some() => {
                self.complain(format!(
                    "cannot see whether Redis notifies of changes ({error}): make sure that \
                     `{OPTION} {NEEDED}`, or more, is in redis.conf; without it no change is noticed"
                ));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let Some(union) = union(&flags) else {
            self.complaint = None;
            return Ok(());
        };
        let set: RedisResult<()> =
            redis::cmd("CONFIG").arg("SET").arg(OPTION).arg(&union).query_async(connection).await;
        match set {
            Ok(()) => {
                log::info!(before = flags.as_str(), now = union.as_str(); "{OPTION} is switched on in Redis");
                self.complaint = None;
                Ok(())
            }
            Err(error) if error.code().is_some() => {
                self.complain(format!(
                    "Redis does not notify of changes, and does not let this be switched on ({error}): \
                     put `{OPTION} {union}` into redis.conf, or have its operator run `CONFIG SET {OPTION} {union}`"
                ));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn complain(&mut self, complaint: String) {
        if self.complaint.as_ref() != Some(&complaint) {
            log::warn!("{complaint}");
            self.complaint = Some(complaint);
        }
    }
}

/// `flags` with what is missing; none if nothing is.
fn union(flags: &str) -> Option<String> {
    let has = |flag: char| flags.contains(flag) || (flags.contains('A') && ALL.contains(flag));
    let missing: String = NEEDED.chars().filter(|flag| !has(*flag)).collect();
    (!missing.is_empty()).then(|| format!("{flags}{missing}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_added_and_nothing_is_dropped() {
        for (flags, expected) in [
            ("", Some("Kghxe")),
            ("AKE", None),
            ("AK", None),
            ("AE", Some("AEK")),
            ("Elg", Some("ElgKhxe")),
            ("Kghxe", None),
            ("KEg$hxetm", None),
        ] {
            assert_eq!(union(flags).as_deref(), expected, "{flags}");
        }
    }
}
