//! What a person reads when all is up.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::address;

/// What a person reads when all is up: the page's address, and three lines to paste.
#[derive(Debug)]
pub struct Greeting {
    /// Where the nodes listen: at least one.
    pub nodes: Vec<SocketAddr>,
    /// How many workers there are.
    pub workers: u16,
    /// Where the messages go through.
    pub redis: RedisInUse,
}

/// Which Redis is used.
#[derive(Debug)]
pub enum RedisInUse {
    /// The launcher's.
    Private {
        /// Its port on this machine.
        port: u16,
        /// Where its data are.
        data: PathBuf,
    },
    /// One that was there before. The URL is without its password.
    Own(String),
}

impl fmt::Display for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nodes: Vec<SocketAddr> = self.nodes.iter().copied().map(address::to_visit).collect();
        let first = nodes[0];
        writeln!(f, "\nTercet is up: http://{first}/\n")?;
        for (index, node) in nodes.iter().enumerate() {
            writeln!(f, "  node {}   http://{node}/", index + 1)?;
        }
        writeln!(f, "  workers  {}", self.workers)?;
        match &self.redis {
            RedisInUse::Private { port, data } => {
                writeln!(
                    f,
                    "  Redis    redis-cli -p {port}   (private; its data are in {})",
                    data.display()
                )?;
            }
            RedisInUse::Own(url) => writeln!(f, "  Redis    {url}")?,
        }
        writeln!(f, "\nThree lines to paste into another terminal: watch, set, list:\n")?;
        writeln!(f, "  websocat -B 1000000 ws://{first}/ws")?;
        let set = r#"{"Cmd":1,"CmdData":{"UserName":"branko","FavoriteNumber":11},"id":1}"#;
        writeln!(f, "  echo '{set}' | websocat -n1 ws://{first}/ws")?;
        writeln!(f, "  curl http://{first}/numbers")?;
        writeln!(f, "\nCtrl-C stops it.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_names_the_page_and_every_node() {
        let greeting = Greeting {
            nodes: vec!["0.0.0.0:9999".parse().unwrap(), "0.0.0.0:10000".parse().unwrap()],
            workers: 2,
            redis: RedisInUse::Private { port: 7000, data: "/tmp/data".into() },
        };
        let text = greeting.to_string();
        assert!(text.contains("Tercet is up: http://127.0.0.1:9999/\n"), "{text}");
        assert!(text.contains("node 2   http://127.0.0.1:10000/"), "{text}");
        assert!(text.contains("redis-cli -p 7000"), "{text}");
        assert_eq!(text.matches("websocat").count(), 2);
    }
}
