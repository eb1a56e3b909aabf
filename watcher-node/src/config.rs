//! The options of a watcher.

use std::ffi::OsString;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;

use crate::aggregator::Address;
use crate::limit;
use crate::secret::Secret;
use crate::serve::READY_PATH;

/// The options of a watcher. Flags beat environment variables.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Where the files service is
    #[arg(long, env = "AGGREGATOR", value_name = "URL", default_value = "http://127.0.0.1:9999")]
    pub aggregator: Address,

    /// The folder to watch; it may come later
    #[arg(long, env = "WATCH_DIR", default_value = ".")]
    pub dir: PathBuf,

    /// The port to serve the list at; 0: any free one
    #[arg(long, env = "WATCH_PORT", default_value_t = 4000)]
    pub port: u16,

    /// The address to serve the list at, of those of this host; ::, every one
    #[arg(long, env = "WATCH_HOST", value_name = "IP", default_value_t = IpAddr::V6(Ipv6Addr::UNSPECIFIED))]
    pub host: IpAddr,

    /// A secret that the service knows, too: each shows it to the other. Over the network it can be read along
    #[arg(long, env = "FILES_SECRET", hide_env_values = true)]
    pub secret: Option<Secret>,

    /// How often the whole folder is read although nothing says that it changed, seconds; 0: never. For network file
    /// systems, which do not tell of what others change
    #[arg(long, env = "WATCH_READ_S", value_name = "SECONDS", default_value_t = limit::READ_S)]
    pub read_s: u64,

    /// Ask another watcher's URL for its health, and exit with 0 or 1; without a URL, the one at --port of this host
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    pub probe: Option<String>,
}

impl Config {
    /// The URL to ask, if that is all there is to do.
    pub(crate) fn probed(&self) -> Option<String> {
        let own = || format!("http://127.0.0.1:{}{READY_PATH}", self.port);
        self.probe.as_ref().map(|url| if url.is_empty() { own() } else { url.clone() })
    }
}

/// Makes `--port` of `-port`: the form of the watcher that this one takes the place of.
pub fn with_two_dashes(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    const NAMES: [&str; 3] = ["aggregator", "dir", "port"];
    let mut is_option = true;
    let long = |argument: OsString| {
        is_option &= argument != "--";
        let single = argument.to_str().and_then(|text| text.strip_prefix('-'));
        let name = single.map(|text| text.split_once('=').map_or(text, |(name, _)| name));
        if is_option && name.is_some_and(|name| NAMES.contains(&name)) {
            let mut two = OsString::from("-");
            two.push(argument);
            two
        } else {
            argument
        }
    };
    arguments.into_iter().map(long).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn longed(arguments: &[&str]) -> Vec<String> {
        let made = with_two_dashes(arguments.iter().map(OsString::from));
        made.into_iter().map(|argument| argument.into_string().unwrap()).collect()
    }

    #[test]
    fn options_with_one_dash_are_options_with_two() {
        assert_eq!(longed(&["w", "-dir", "./a", "-port=4001"]), ["w", "--dir", "./a", "--port=4001"]);
        assert_eq!(longed(&["-aggregator", "http://a"]), ["--aggregator", "http://a"]);
    }

    #[test]
    fn everything_else_stays_as_it_is() {
        let others = ["--dir", "-h", "-V", "-d", "dir", "-directory", "-", "--", "-dir"];
        assert_eq!(longed(&others), others);
    }
}
