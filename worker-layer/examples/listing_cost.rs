//! What a change in a large listing costs: `cargo run --release -p worker-layer --example listing_cost
//! [users]`.

use std::time::{Duration, Instant};

use worker_layer::numbers::listing::{Fact, Listing};

const CHANGES: u32 = 200;

fn main() {
    let users: usize = std::env::args().nth(1).map_or(100_000, |users| users.parse().expect("a number"));
    let names: Vec<String> = (0..users).map(|user| format!("user {:07}", user * 7_919 % users)).collect();
    let mut listing = Listing::new();
    let began = Instant::now();
    for name in &names {
        listing.apply(name, Some(Fact { user_name: name, favorite_number: 7 }));
    }
    println!("{users} users: loaded in {:?}", began.elapsed());
    let (mut applying, mut encoding, mut bytes) = (Duration::ZERO, Duration::ZERO, 0);
    for change in 0..CHANGES {
        let name = &names[change as usize * 101 % users];
        let began = Instant::now();
        listing.apply(name, Some(Fact { user_name: name, favorite_number: i64::from(change) + 100 }));
        let applied = Instant::now();
        let body = listing.body(u64::from(change));
        encoding += applied.elapsed();
        applying += applied - began;
        bytes = body.len();
    }
    println!("one change: {:?} to apply, {:?} to make {bytes} bytes", applying / CHANGES, encoding / CHANGES);
}
