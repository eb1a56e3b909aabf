//! Free ports and taken ones.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use crate::LaunchError;

/// The addresses of `nodes` nodes: `first` and the ports after it, or free ports if its port is 0.
///
/// # Errors
/// If one of them is taken: better found out before anything was started.
pub fn of_nodes(first: SocketAddr, nodes: u16) -> Result<Vec<SocketAddr>, LaunchError> {
    if first.port() == 0 {
        return free_ports(first.ip(), nodes)
            .map_err(|source| LaunchError::Listen { address: first, source });
    }
    (0..nodes)
        .map(|index| {
            let port =
                first.port().checked_add(index).ok_or(LaunchError::NoPorts { address: first, nodes })?;
            check_free(SocketAddr::new(first.ip(), port))
        })
        .collect()
}

/// A port that is free on the loopback address at this moment.
///
/// # Errors
/// If the system has none.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Where a browser on this machine reaches a node that listens on `address`.
#[must_use]
pub fn to_visit(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    address
}

fn check_free(address: SocketAddr) -> Result<SocketAddr, LaunchError> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(address),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Err(LaunchError::PortTaken { address, free: free_port().unwrap_or(10_999) })
        }
        Err(source) => Err(LaunchError::Listen { address, source }),
    }
}

/// All are held until the last was found, so that they differ.
fn free_ports(ip: IpAddr, count: u16) -> io::Result<Vec<SocketAddr>> {
    let held: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind((ip, 0))).collect::<Result<_, _>>()?;
    held.iter().map(TcpListener::local_addr).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    #[test]
    fn port_0_gives_free_ports_that_differ() {
        let found = of_nodes(ANY, 3).unwrap();
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|address| address.port() != 0));
        assert!(found[0] != found[1] && found[1] != found[2]);
    }

    #[test]
    fn a_taken_port_is_found_out_and_a_free_one_offered() {
        let other = TcpListener::bind(ANY).unwrap();
        let taken = other.local_addr().unwrap();
        let error = of_nodes(taken, 1).unwrap_err();
        assert!(matches!(error, LaunchError::PortTaken { address, .. } if address == taken), "{error}");
        assert!(error.to_string().contains("--listen 127.0.0.1:"), "{error}");
    }

    #[test]
    fn ports_beyond_the_last_are_a_bad_option() {
        let last = SocketAddr::new(ANY.ip(), u16::MAX);
        let error = of_nodes(last, 2).unwrap_err();
        assert_eq!(error.exit_code(), crate::BAD_OPTIONS, "{error}");
    }

    #[test]
    fn an_address_for_all_interfaces_is_visited_on_this_machine() {
        assert_eq!(to_visit("0.0.0.0:9999".parse().unwrap()).to_string(), "127.0.0.1:9999");
        assert_eq!(to_visit("[::]:80".parse().unwrap()).to_string(), "127.0.0.1:80");
        assert_eq!(to_visit("10.0.0.7:80".parse().unwrap()).to_string(), "10.0.0.7:80");
    }
}
