//! The monkeys.
//!
//! - [`normal`]: adds and removes values at random intervals
//! - [`offline`]: changes a copy of its own for a while, then syncs and expects to converge
//! - [`viewer`]: merges the server's set into its own copy and follows it live
//! - [`line`](mod@line): the network of a monkey, which may break

pub mod line;
pub mod normal;
pub mod offline;
pub mod viewer;

use crate::config::Config;

/// Sockets of a monkey that writes: one for HTTP and one websocket.
const WRITER_SOCKETS: usize = 2;

/// The kinds of monkeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// See [`normal`].
    Normal,
    /// See [`offline`].
    Offline,
    /// See [`viewer`].
    Viewer,
}

/// One monkey: its kind, and its index among those of its kind in all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Monkey {
    /// Its kind.
    pub kind: Kind,
    /// Its index.
    pub index: usize,
}

impl Monkey {
    /// All monkeys of these options, of one share of them.
    pub fn all(config: &Config) -> impl Iterator<Item = Self> + use<> {
        let (part, of) = config.share.map_or((0, 1), |share| (share.part, share.of));
        let some = move |kind, count| (part..count).step_by(of).map(move |index| Self { kind, index });
        some(Kind::Normal, config.normal)
            .chain(some(Kind::Offline, config.offline))
            .chain(some(Kind::Viewer, config.viewer))
    }

    /// The number of its first socket among those of all monkeys.
    #[must_use]
    pub fn socket_number(&self, config: &Config) -> usize {
        match self.kind {
            Kind::Normal => WRITER_SOCKETS * self.index,
            Kind::Offline => WRITER_SOCKETS * (config.normal + self.index),
            Kind::Viewer => WRITER_SOCKETS * (config.normal + config.offline) + self.index,
        }
    }

    /// Where it begins among the targets: monkeys of each kind and each set are spread over all of them.
    #[must_use]
    pub fn first_target(&self, config: &Config) -> usize {
        self.index + self.index / config.sets
    }

    /// Its name, which is the name of its replicas after that of the run.
    #[must_use]
    pub fn name(&self, run: &str) -> String {
        let kind = match self.kind {
            Kind::Normal => "n",
            Kind::Offline => "o",
            Kind::Viewer => "v",
        };
        format!("{run}-{kind}{}", self.index)
    }
}

/// Sockets that all monkeys of these options may have open at once.
#[must_use]
pub fn sockets(config: &Config) -> usize {
    WRITER_SOCKETS * (config.normal + config.offline) + config.viewer
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        config: Config,
    }

    #[test]
    fn shares_are_all_monkeys_and_none_twice() {
        let share = |part: &str| {
            let line = format!("x --normal 5 --offline 3 --viewer 4 {part}");
            Monkey::all(&Options::parse_from(line.split_whitespace()).config).collect::<Vec<_>>()
        };
        let mut parts: Vec<Monkey> =
            ["--share 0/3", "--share 1/3", "--share 2/3"].into_iter().flat_map(share).collect();
        let all = share("");
        assert_eq!((parts.len(), all.len()), (12, 12));
        parts.retain(|monkey| all.contains(monkey));
        assert_eq!(parts.len(), 12);
    }

    #[test]
    fn the_viewers_of_a_set_and_the_writers_are_spread_over_all_targets() {
        let config = Options::parse_from("x --normal 8 --viewer 40 --sets 10".split(' ')).config;
        let targets = |kind, set: Option<usize>| {
            let some = Monkey::all(&config).filter(|monkey| monkey.kind == kind);
            let of_set = some.filter(|monkey| set.is_none_or(|set| monkey.index % config.sets == set));
            of_set.map(|monkey| monkey.first_target(&config) % 4).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(targets(Kind::Normal, None).len(), 4);
        (0..10).for_each(|set| assert_eq!(targets(Kind::Viewer, Some(set)).len(), 4));
    }

    #[test]
    fn no_two_monkeys_share_a_socket() {
        let config = Options::parse_from("x --normal 5 --offline 3 --viewer 4".split(' ')).config;
        let numbers: Vec<usize> = Monkey::all(&config).map(|monkey| monkey.socket_number(&config)).collect();
        assert_eq!(numbers, [0, 2, 4, 6, 8, 10, 12, 14, 16, 17, 18, 19]);
        assert_eq!(sockets(&config), 20);
    }
}
