//! A process with a share of the monkeys: it does what its parent says.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader, Lines, Stdin, stdin};
use tokio::time::interval;

use crate::part::{Order, Said};
use crate::troop::{Progress, Troop};
use crate::world::World;

/// How often it says what is known.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

/// Does what the parent says, until it has said what is so at the end or the parent is gone.
pub async fn obey(world: World) {
    let world = Arc::new(world);
    let mut orders = BufReader::new(stdin()).lines();
    let tell = async {
        let mut pace = interval(PROGRESS_EVERY);
        loop {
            pace.tick().await;
            say(&Said::Progress(Box::new(Progress::of(&world))));
        }
    };
    tokio::select! {
        () = tell => {}
        () = work(&world, &mut orders) => {}
    }
}

async fn work(world: &Arc<World>, orders: &mut Lines<BufReader<Stdin>>) {
    let troop = match Troop::gather(Arc::clone(world)).await {
        Ok(troop) => troop,
        Err(failure) => return say(&Said::Failed(failure.to_string())),
    };
    say(&Said::Gathered);
    if hear(orders).await != Some(Order::Chaos) {
        return;
    }
    let mut told = None;
    troop.chaos(async { told = hear(orders).await }).await;
    if told != Some(Order::Enough) {
        return;
    }
    troop.calm().await;
    say(&Said::Calmed);
    if hear(orders).await != Some(Order::Verify) {
        return;
    }
    say(&Said::Testimony(Box::new(troop.verify().await)));
}

/// The next order; none when the parent is gone.
async fn hear(orders: &mut Lines<BufReader<Stdin>>) -> Option<Order> {
    serde_json::from_str(&orders.next_line().await.ok()??).ok()
}

fn say(said: &Said) {
    let Ok(line) = serde_json::to_string(said) else { return };
    let mut out = std::io::stdout().lock();
    // A parent that is gone needs no answer.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
