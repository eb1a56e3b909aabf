//! The watchers and files of a large listing: names of 18 bytes, spread over the watchers so that no two that follow each other
//! in the listing are of the same one.

use std::net::{IpAddr, Ipv4Addr};

use clap::Args;
use serde::Serialize;
use serde_json::json;

/// How many there are.
#[derive(Debug, Clone, Copy, Args, Serialize)]
pub(crate) struct Watched {
    pub(crate) watchers: usize,
    /// Of all watchers together.
    pub(crate) files: usize,
}

/// One of them, from 0 on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watcher(pub(crate) usize);

impl Watched {
    /// All watchers.
    pub(crate) fn watchers(self) -> impl Iterator<Item = Watcher> {
        (0..self.watchers).map(Watcher)
    }
}

impl Watcher {
    /// The one that has this address.
    pub(crate) fn at(ip: IpAddr) -> Option<Self> {
        match ip {
            IpAddr::V4(ip) if ip.octets()[..2] == [127, 1] => {
                let [_, _, high, low] = ip.octets();
                usize::from(u16::from_be_bytes([high, low])).checked_sub(1).map(Self)
            }
            _ => None,
        }
    }

    /// Its address.
    pub(crate) fn ip(self) -> Ipv4Addr {
        let [high, low] = (self.0 as u16 + 1).to_be_bytes();
        Ipv4Addr::new(127, 1, high, low)
    }

    /// The id of its run.
    pub(crate) fn instance(self) -> String {
        format!("be2c4a00-0000-4000-8000-{:012}", self.0)
    }

    /// The answer to whoever fetches its list.
    pub(crate) fn list(self, watched: Watched) -> String {
        let numbers = (self.0..watched.files).step_by(watched.watchers);
        let files: Vec<_> = numbers.map(|number| json!({ "filename": name(number) })).collect();
        json!({ "instance": self.instance(), "files": files, "seqno": 1 }).to_string()
    }
}

/// The name of a file.
pub(crate) fn name(number: usize) -> String {
    format!("photo-{number:08}.jpg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_watcher_has_an_address_of_its_own_and_all_together_have_all_files() {
        let watched = Watched { watchers: 300, files: 1_000 };
        let mut names = Vec::new();
        for watcher in watched.watchers() {
            assert_eq!(Watcher::at(watcher.ip().into()), Some(watcher));
            let list: serde_json::Value = serde_json::from_str(&watcher.list(watched)).unwrap();
            let files = list["files"].as_array().unwrap();
            names.extend(files.iter().map(|file| file["filename"].as_str().unwrap().to_owned()));
        }
        names.sort_unstable();
        assert_eq!(names, (0..1_000).map(name).collect::<Vec<_>>());
        assert_eq!(Watcher::at(Ipv4Addr::LOCALHOST.into()), None);
    }
}
