//! Many watchers in one process, each with an address of its own of the loopback network: they say hello and serve their
//! lists. What is changed is said by the conductor.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use warp::Filter as _;
use warp::http::StatusCode;

use super::bare;
use crate::clock;
use crate::http::Http;
use crate::listing::{Watched, Watcher};

/// How often each says hello: often enough not to be taken for silent.
const HELLO_EVERY: Duration = Duration::from_secs(4);
/// How long the service may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Serves until it is ended.
pub(super) fn play(node: SocketAddr, watched: Watched) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = bare::listener(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)))?;
        bare::tell_port(&listener)?;
        let port = listener.local_addr()?.port();
        // It ends with the process.
        thread::spawn(move || greet(node, watched, port));
        let lists: Arc<[String]> = watched.watchers().map(|watcher| watcher.list(watched)).collect();
        let of_host = move |host: String| {
            let watcher = host.parse().ok().and_then(|address: SocketAddr| Watcher::at(address.ip()));
            match watcher.and_then(|watcher| lists.get(watcher.0)) {
                Some(list) => warp::reply::with_status(list.clone(), StatusCode::OK),
                None => warp::reply::with_status(String::new(), StatusCode::NOT_FOUND),
            }
        };
        let route = warp::path!("files").and(warp::header("host")).map(of_host);
        warp::serve(route).incoming(tokio::net::TcpListener::from_std(listener)?).run().await;
        Ok(())
    })
}

/// Says hello for all, again and again.
fn greet(node: SocketAddr, watched: Watched, port: u16) {
    loop {
        for watcher in watched.watchers() {
            // What is not taken is said again in a moment.
            let hello = json!({ "instance": watcher.instance(), "port": port, "seqno": 1 }).to_string();
            let _ = Http::from(watcher.ip(), node, PATIENCE)
                .and_then(|mut http| http.send("POST /hello", &hello)?.with_status(200));
        }
        clock::sleep(HELLO_EVERY);
    }
}
