//! Many devices that never rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rand::RngExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::device::Device;
use crate::patience::{SOON, within};

/// How long a restless device may rest between two things that it does.
const PAUSE_MAX: Duration = Duration::from_millis(800);
/// How long a steady one may rest: so long that nobody misses more than the log of a user keeps while a node restarts.
const STEADY_PAUSE_MAX: Duration = Duration::from_millis(100);
/// How long a device may be away.
const AWAY_MAX: Duration = Duration::from_secs(2);
/// How long the last message of each device may take to be acknowledged: a client may wait for 10 s between two tries.
const LAST_MAX: Duration = Duration::from_secs(60);

/// What devices do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Habit {
    /// Write, each message when the one before is acknowledged.
    Steady,
    /// Write, once or several times at once, read, look at the home screen, go away and come back elsewhere; with pauses.
    Restless,
}

/// Many devices that never rest.
#[derive(Debug)]
pub struct Crowd {
    devices: JoinSet<Device>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    habit: Habit,
    /// Whom they write to: each in several spellings.
    names: Vec<String>,
    stop: AtomicBool,
    acknowledged: AtomicUsize,
    more: Notify,
}

impl Crowd {
    /// Starts them. `round` tells messages of this crowd from those of one before of the same devices.
    #[must_use]
    pub fn start(devices: Vec<Device>, habit: Habit, names: Vec<String>, round: &str) -> Self {
        let shared = Shared {
            habit,
            names,
            stop: AtomicBool::new(false),
            acknowledged: AtomicUsize::new(0),
            more: Notify::new(),
        };
        let shared = Arc::new(shared);
        let mut running = JoinSet::new();
        for (index, device) in devices.into_iter().enumerate() {
            running.spawn(run(device, format!("{round}-{index}"), Arc::clone(&shared)));
        }
        Self { devices: running, shared }
    }

    /// Waits until `count` more messages are acknowledged.
    pub async fn progress(&self, count: usize) {
        let goal = self.shared.acknowledged.load(Ordering::Relaxed) + count;
        let reached = async {
            while self.shared.acknowledged.load(Ordering::Relaxed) < goal {
                self.shared.more.notified().await;
            }
        };
        within("messages are acknowledged", SOON, reached).await;
    }

    /// Stops them when every message is acknowledged. The devices are still connected.
    pub async fn stop(mut self) -> Vec<Device> {
        self.shared.stop.store(true, Ordering::Relaxed);
        let mut devices = Vec::new();
        let all = async {
            while let Some(ended) = self.devices.join_next().await {
                devices.push(ended.expect("a device works"));
            }
        };
        within("every message is acknowledged", LAST_MAX, all).await;
        devices
    }
}

async fn run(mut device: Device, label: String, shared: Arc<Shared>) -> Device {
    for number in 0.. {
        if shared.stop.load(Ordering::Relaxed) {
            break;
        }
        device.keep_up().await;
        let before = device.written.len();
        let message_id = format!("{label}-{number}");
        match shared.habit {
            Habit::Steady => {
                rest(&mut device, STEADY_PAUSE_MAX).await;
                let to = any(&mut device, &shared.names);
                device.write(&to, "a text", &message_id).await;
            }
            Habit::Restless => {
                rest(&mut device, PAUSE_MAX).await;
                do_something(&mut device, &shared.names, &message_id).await;
            }
        }
        shared.acknowledged.fetch_add(device.written.len() - before, Ordering::Relaxed);
        shared.more.notify_one();
    }
    device
}

async fn do_something(device: &mut Device, names: &[String], message_id: &str) {
    let to = any(device, names);
    let text = format!("{message_id} to {to} <b>👋</b>");
    match device.random().random_range(0..100) {
        0..50 => device.write(&to, &text, message_id).await,
        50..56 => device.write_doubled(&to, &text, message_id).await,
        56..62 => device.write_twice(&to, &text, message_id).await,
        62..76 => read_something(device, true).await,
        76..84 => read_something(device, false).await,
        84..88 => device.refresh_home().await,
        88..94 => device.hang_up(),
        _ => {
            device.hang_up();
            rest(device, AWAY_MAX).await;
        }
    }
}

/// A random time.
async fn rest(device: &mut Device, longest: Duration) {
    let time = longest.mul_f64(device.random().random_range(0.0..1.0));
    sleep(time).await;
}

/// Reads something, or only says that it came.
async fn read_something(device: &mut Device, is_read: bool) {
    let places = |(with, talk): (&String, &super::message::Talk)| {
        talk.messages.last().map(|newest| (with.clone(), newest.seq))
    };
    let places: Vec<(String, u64)> = device.view().talks().iter().filter_map(places).collect();
    if places.is_empty() {
        return;
    }
    let (with, newest) = places[device.random().random_range(0..places.len())].clone();
    // Mostly all of it.
    let seq = newest.min(device.random().random_range(1..=2 * newest));
    if is_read {
        device.mark(&with, seq).await;
    } else {
        device.receive(&with, seq).await;
    }
}

/// Some names come up more often than others, so that conversations are busy.
fn any(device: &mut Device, names: &[String]) -> String {
    let random = device.random();
    let index = random.random_range(0..names.len()).min(random.random_range(0..names.len()));
    names[index].clone()
}
