//! The options.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::link::Target;
use crate::share::Share;

/// Most operations in one request: with the longest values of a monkey they stay below what a node takes as one message.
const BATCH_MAX: u64 = 200;

/// Most monkeys of one kind: more than one machine has ports for.
const MONKEYS_MAX: u64 = 1_000_000;

/// The options. Times are like 30s, 500ms or 5m.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Where Tercet is; of several, monkeys use one after the other and go to the next when one fails
    #[arg(
        long,
        env = "MONKEYS_URL",
        value_name = "URL",
        value_delimiter = ',',
        default_value = "http://127.0.0.1:9999"
    )]
    pub url: Vec<Target>,

    /// Normal monkeys: they add and remove values at random intervals, over HTTP and over a websocket
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = up_to(0, MONKEYS_MAX))]
    pub normal: usize,

    /// Offline monkeys: they change a copy of their own for a while, then sync, and expect to converge
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = up_to(0, MONKEYS_MAX))]
    pub offline: usize,

    /// Viewers: they merge the server's set into a copy of their own and follow it live
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = up_to(0, MONKEYS_MAX))]
    pub viewer: usize,

    /// Sets that they share
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = up_to(1, 10_000))]
    pub sets: usize,

    /// How long there is chaos; then everyone has --settle to converge
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub lasting: Duration,

    /// Makes every decision of every monkey repeatable [default: random]
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,

    /// Different values in each set: fewer make more conflicts
    #[arg(long, value_name = "NUMBER", default_value_t = 100, value_parser = up_to(1, 100_000))]
    pub values: usize,

    /// Most operations in one request
    #[arg(long, value_name = "NUMBER", default_value_t = 10, value_parser = up_to(1, BATCH_MAX))]
    pub batch: usize,

    /// Mean time between the requests of a normal monkey
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    pub pause: Duration,

    /// Mean time that an offline monkey is away
    #[arg(long, value_name = "TIME", default_value = "3s", value_parser = humantime::parse_duration)]
    pub away: Duration,

    /// Sets that each viewer follows, all on one websocket
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = up_to(1, 1_000))]
    pub watch: usize,

    /// The torments below
    #[command(flatten)]
    pub torment: Torment,

    /// How long everyone may take to converge after the chaos
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    pub settle: Duration,

    /// What the names of the sets begin with; use it to let several chaos-monkeys share their sets [default: random]
    #[arg(long, value_name = "NAME", value_parser = plain_name)]
    pub prefix: Option<String>,

    /// Leave the sets where they are; otherwise they are deleted, unless something diverged
    #[arg(long)]
    pub keep: bool,

    /// Write the report to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Print plain lines, even to a terminal
    #[arg(long)]
    pub plain: bool,

    /// Addresses of this machine to connect from, one after the other, each for 20,000 sockets: a machine has some 28,000 ports
    /// for each [default: what the system takes; for a target on this machine 127.0.1.1, 127.0.2.1 …]
    #[arg(long, value_name = "ADDRESS", value_delimiter = ',')]
    pub source: Vec<IpAddr>,

    /// Processes to spread the monkeys over [default: as many as their sockets need]
    #[arg(long, value_name = "NUMBER", value_parser = up_to(1, 100))]
    pub processes: Option<usize>,

    /// The share of this process
    #[arg(long, hide = true)]
    pub share: Option<Share>,

    /// What the names of replicas begin with
    #[arg(long, hide = true, value_parser = plain_name)]
    pub run: Option<String>,
}

/// What makes life hard for the service and for the monkeys.
#[derive(Debug, Clone, clap::Args)]
pub struct Torment {
    /// All torments that are not given otherwise, at once: --skew 2s --duplicate 0.1 --reorder 0.1 --cut-every 10s --storm-every
    /// 15s
    #[arg(long)]
    pub chaos: bool,

    /// How far the clock of a monkey is off at most, either way [default: 0s]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub skew: Option<Duration>,

    /// Probability that a monkey sends operations twice, or receives a change twice [default: 0]
    #[arg(long, value_name = "0..1", value_parser = probability)]
    pub duplicate: Option<f64>,

    /// Probability that a monkey holds operations back behind later ones, or receives a change after the next one [default: 0]
    #[arg(long, value_name = "0..1", value_parser = probability)]
    pub reorder: Option<f64>,

    /// Mean time after which a connection breaks [default: never]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub cut_every: Option<Duration>,

    /// Time after which all connections break at once, and come back at once [default: never]
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub storm_every: Option<Duration>,
}

impl Torment {
    /// How far a clock is off at most, milliseconds.
    #[must_use]
    pub fn skew_ms(&self) -> i64 {
        let skew = self.skew.unwrap_or(self.preset(Duration::from_secs(2)).unwrap_or_default());
        i64::try_from(skew.as_millis()).unwrap_or(i64::MAX / 2)
    }

    /// The probability of a duplicate.
    #[must_use]
    pub fn duplicate(&self) -> f64 {
        self.duplicate.or(self.preset(0.1)).unwrap_or_default()
    }

    /// The probability that something comes too late.
    #[must_use]
    pub fn reorder(&self) -> f64 {
        self.reorder.or(self.preset(0.1)).unwrap_or_default()
    }

    /// The mean life of a connection, if it has an end.
    #[must_use]
    pub fn cut_every(&self) -> Option<Duration> {
        self.cut_every.or(self.preset(Duration::from_secs(10)))
    }

    /// The time between storms, if there are any.
    #[must_use]
    pub fn storm_every(&self) -> Option<Duration> {
        self.storm_every.or(self.preset(Duration::from_secs(15)))
    }

    fn preset<T>(&self, value: T) -> Option<T> {
        self.chaos.then_some(value)
    }
}

fn up_to(least: u64, most: u64) -> impl clap::builder::TypedValueParser<Value = usize> {
    use clap::builder::TypedValueParser as _;
    clap::value_parser!(u64).range(least..=most).map(|number| usize::try_from(number).unwrap_or(usize::MAX))
}

fn probability(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "give a number, like 0.1".to_owned())?;
    if (0.0..=1.0).contains(&number) { Ok(number) } else { Err("give a number from 0 to 1".to_owned()) }
}

/// A beginning of names of sets and replicas, which have at most 64 characters.
fn plain_name(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if (1..=40).contains(&text.len()) && text.bytes().all(plain) {
        Ok(text.to_owned())
    } else {
        Err("take 1 to 40 of the characters A-Z a-z 0-9 - _ .".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Options {
        #[command(flatten)]
        config: Config,
    }

    fn parse(line: &str) -> Result<Config, clap::Error> {
        Options::try_parse_from(line.split(' ')).map(|options| options.config)
    }

    #[test]
    fn the_command_line_of_the_readme_is_understood() {
        let config = parse("x --url http://127.0.0.1:9999 --normal 100 --offline 20 --viewer 20 --sets 10 --for 30s --seed 7")
            .unwrap();
        assert_eq!((config.normal, config.lasting, config.seed), (100, Duration::from_secs(30), Some(7)));
        assert_eq!((config.torment.skew_ms(), config.torment.cut_every()), (0, None));
    }

    #[test]
    fn several_addresses_are_given_with_commas_or_again() {
        let config = parse("x --url http://a:1,http://b:2 --url http://c:3").unwrap();
        assert_eq!(config.url.len(), 3);
    }

    #[test]
    fn all_torments_come_at_once_and_each_can_be_changed() {
        let torment = parse("x --chaos --skew 5s --reorder 0").unwrap().torment;
        assert_eq!((torment.skew_ms(), torment.duplicate(), torment.reorder()), (5_000, 0.1, 0.0));
        assert!(torment.cut_every().is_some() && torment.storm_every().is_some());
    }

    #[test]
    fn bad_options_are_refused() {
        for bad in [
            "--sets 0",
            "--for soon",
            "--duplicate 2",
            "--reorder nan",
            "--url nowhere",
            "--url ftp://a",
            "--batch 1000",
            "--prefix a/b",
            "--normal -1",
            "--processes 0",
            "--what",
        ] {
            assert!(parse(&format!("x {bad}")).is_err(), "{bad}");
        }
    }
}
