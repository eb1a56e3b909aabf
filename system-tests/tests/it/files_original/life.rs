//! The life of a played watcher, with all that happens to the original.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::original::Original;

/// Names in a folder: so few that each comes and goes all the time.
const NAMES: u32 = 60;

/// Lives until so many things have happened in its folder, and is still there then.
pub(super) async fn live(mut original: Original, seed: u64, happenings: usize) -> Original {
    let mut random = StdRng::seed_from_u64(seed);
    for _ in 0..happenings {
        happen(&original, &mut random).await;
        original = match random.random_range(0..1_000) {
            0..4 => original.crash_and_start().await,
            4..8 => original.stop_and_start(random.random()).await,
            8..12 => {
                original.busy_port().await;
                original
            }
            // More often than it is due.
            12..50 => {
                original.hello().await;
                original
            }
            _ => original,
        };
    }
    original
}

/// A name. Some are no UTF-8: those look the same.
fn name(random: &mut StdRng) -> Vec<u8> {
    let number = random.random_range(0..NAMES);
    match number % 12 {
        0 => vec![b'x', 0x80 + u8::try_from(number).unwrap_or_default()],
        1 => format!("žába {number} 🐸").into_bytes(),
        2 => format!("\"\\\n{number}").into_bytes(),
        3 => format!("subfolder {number}").into_bytes(),
        _ => format!("file {number}").into_bytes(),
    }
}

async fn happen(original: &Original, random: &mut StdRng) {
    match random.random_range(0..1_000) {
        // Also names that are there already.
        0..450 => {
            let operation = original.add(&name(random));
            speak(original, random, operation).await;
        }
        // Also names that were never added.
        450..800 => {
            let operation = original.remove(&name(random));
            speak(original, random, operation).await;
        }
        // Renamed: it tells of that with two operations.
        800..996 => {
            let (from, to) = (name(random), name(random));
            let operation = original.remove(&from);
            speak(original, random, operation).await;
            let operation = original.add(&to);
            speak(original, random, operation).await;
        }
        // The folder is deleted with all that is in it, and made again.
        _ => {
            for name in original.files() {
                let operation = original.remove(&name);
                speak(original, random, operation).await;
            }
            let operation = original.remove(b"watched-folder");
            speak(original, random, operation).await;
        }
    }
}

/// What becomes of an operation on its way.
async fn speak(original: &Original, random: &mut StdRng, operation: Value) {
    match random.random_range(0..100) {
        // It is lost, and its number with it.
        0..6 => {}
        // It comes twice, at two nodes at the same time.
        6..12 => {
            tokio::join!(original.tell(&operation), original.tell_through(1, &operation));
        }
        // The next one overtakes it through another node.
        12..18 => {
            let next = original.add(&name(random));
            tokio::join!(original.tell_through(1, &operation), original.tell(&next));
        }
        18..24 => original.tell_through(1, &operation).await,
        _ => original.tell(&operation).await,
    }
}
