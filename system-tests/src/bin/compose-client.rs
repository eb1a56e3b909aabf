//! The client of `scripts/test-containers`: two sockets that use the numbers service as any client would. It says what it
//! saw, or panics with words.

use std::io::Read;
use std::thread::JoinHandle;

use clap::{Parser, Subcommand};
use system_tests::{Client, Listing};

/// Rounds that are made in any case: each opens new sockets, so that every worker gets its share of them.
const ROUNDS_MIN: i64 = 30;
const NAME: &str = "ana";

#[derive(Parser)]
#[command(about)]
struct Options {
    /// Where the websockets are, like ws://127.0.0.1:9999/ws
    url: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Sets numbers, one higher than the other, and sees each arrive, until the standard input ends
    Exchange {
        /// The first number
        #[arg(long)]
        first: i64,
    },
    /// Asks for the listing, in which the last number that was set must stand
    Expect {
        /// The last number
        #[arg(long)]
        last: i64,
    },
}

#[tokio::main]
async fn main() {
    let options = Options::parse();
    match options.command {
        Command::Exchange { first } => exchange(&options.url, first).await,
        Command::Expect { last } => expect(&options.url, last).await,
    }
}

/// Prints the last number that was set.
async fn exchange(url: &str, first: i64) {
    let input = read_to_end();
    let mut number = first;
    while number < first + ROUNDS_MIN || !input.is_finished() {
        round(url, number).await;
        number += 1;
    }
    eprintln!("compose-client: {} numbers set, each acknowledged, pushed and listed", number - first);
    println!("{}", number - 1);
}

async fn round(url: &str, number: i64) {
    let (setting, watching) = (Client::open(url).await, Client::open(url).await);
    // Its answer tells that the socket has joined: from here on it gets every push.
    watching.list().await;
    let answer =
        setting.try_set(NAME, number).await.unwrap_or_else(|code| panic!("setting {number}: {code}"));
    assert_eq!(answer["ok"], true, "the acknowledgement of {number}: {answer}");
    watching.until_pushed("the other socket sees the number", |listing| has(listing, number)).await;
    let listing = watching.list().await;
    assert!(has(&listing, number), "{number} is not in what was asked for: {listing:?}");
    setting.assert_well();
    watching.assert_well();
}

async fn expect(url: &str, last: i64) {
    let listing = Client::open(url).await.list().await;
    assert!(has(&listing, last), "{NAME} with {last} is lost: {listing:?}");
    eprintln!("compose-client: {NAME} still has {last}");
}

fn has(listing: &Listing, number: i64) -> bool {
    listing.number(NAME) == Some(number)
}

fn read_to_end() -> JoinHandle<()> {
    std::thread::spawn(|| drop(std::io::stdin().read_to_end(&mut Vec::new())))
}
