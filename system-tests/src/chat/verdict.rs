//! Whether what devices know is what is stored, once all is quiet.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;

use super::cursor::is_reached;
use super::device::Device;
use super::difference::{of_home, of_messages, of_talks, of_written};
use super::message::Summary;
use super::stored::Stored;
use crate::patience::eventually_within;
use crate::redis_server::RedisServer;

/// How long it may take until what a dead worker left behind is delivered by others.
const DELIVERED_MAX: Duration = Duration::from_secs(30);

/// Everything that differs, in words: nothing if all is well. All devices of all users, who have stopped writing.
pub async fn differences(redis: &RedisServer, devices: Vec<Device>) -> Vec<String> {
    eventually_within("what was left behind is delivered", DELIVERED_MAX, async || {
        (redis.run::<u64>(&["SCARD", "chat:outbox"]).await == 0).then_some(())
    })
    .await;
    let stored = Stored::read(redis).await;
    let written: Vec<_> = devices.iter().flat_map(|device| &device.written).collect();
    let mut found = stored.faults();
    found.extend(of_written(&stored, &written));
    let mut users: BTreeMap<String, Vec<Device>> = BTreeMap::new();
    for device in devices {
        users.entry(device.user().to_owned()).or_default().push(device);
    }
    let all = users.iter_mut().map(|(user, devices)| of_user(user, &stored, devices));
    found.extend(join_all(all).await.into_iter().flatten());
    found
}

async fn of_user(user: &str, all: &Stored, devices: &mut [Device]) -> Vec<String> {
    let mut found = Vec::new();
    let stored = all.talks(user);
    // A new device, which has seen nothing, and asks for all.
    let mut observer = devices[0].sibling();
    observer.connect().await;
    let end = observer.view().cursor().to_owned();
    let (home, at) = observer.whole_home().await;
    if !is_reached(&end, &at) {
        found.push(format!("{user}: home is of {at}, before {end}"));
    }
    for (with, talk) in &stored {
        let history = observer.history(with).await;
        found.extend(of_messages(&format!("history of {user} with {with}"), &talk.messages, &history));
    }
    for (number, device) in devices.iter_mut().enumerate() {
        let who = format!("device {number} of {user}");
        device.follow_to(&end).await;
        found.extend(of_talks(&who, &stored, device.view().talks()));
        found.extend(of_home(&who, &stored, &device.view().newest_first(), &home));
        device.refresh_home().await;
        let kept: Vec<Summary> = home.iter().filter_map(|it| device.home().get(&it.with).cloned()).collect();
        if kept != home || device.home().len() != home.len() {
            found.push(format!("{who}: home by its changes is {kept:?}, and should be {home:?}"));
        }
        for line in &home {
            if device.view().names().get(&line.with) != Some(&line.with_name) {
                found.push(format!("{who}: home has {line:?}, and the name was told otherwise"));
            }
        }
        let read = |with: &str| stored.get(with).map_or(0, |talk| talk.read);
        found.extend(marks(&format!("{who} has read"), &device.marked, read));
        let received = |with: &str| all.talks(with).get(user).map_or(0, |talk| talk.delivered);
        device.received.remove(user);
        found.extend(marks(&format!("{who} has received"), &device.received, received));
        device.hang_up();
    }
    observer.hang_up();
    found
}

/// Marks that were acknowledged, and are not stored.
fn marks(what: &str, marked: &BTreeMap<String, u64>, stored: impl Fn(&str) -> u64) -> Vec<String> {
    let lost = marked.iter().filter(|(with, seq)| stored(with) < **seq);
    lost.map(|(with, seq)| format!("{what} {with} up to {seq}, and {} is stored", stored(with))).collect()
}
