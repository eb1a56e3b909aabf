//! The limit of requests: `warp::ws()` as it comes, with TCP_NODELAY, sending back every text; and over HTTP every body.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::Result;
use futures_util::{SinkExt as _, StreamExt as _};
use warp::Filter as _;
use warp::ws::{WebSocket, Ws};

use super::bare;

/// Serves until it is ended.
pub(crate) fn play() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = bare::listener(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        bare::tell_port(&listener)?;
        let route = warp::path("ws").and(warp::ws()).map(|ws: Ws| ws.on_upgrade(echo));
        let over_http = warp::patch().and(warp::body::bytes()).map(|body: tungstenite::Bytes| body.to_vec());
        let route = route.or(over_http);
        warp::serve(route).incoming(tokio::net::TcpListener::from_std(listener)?).run().await;
        Ok(())
    })
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.next().await {
        if message.is_text() && socket.send(message).await.is_err() {
            return;
        }
    }
}
