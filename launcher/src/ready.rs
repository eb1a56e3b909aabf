//! Waiting until a node or Redis answers.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// How often to ask.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(2);
/// How often to say that it takes long.
const SAY_EVERY: Duration = Duration::from_secs(5);
/// As much of an answer as is looked at, bytes.
const ANSWER_BYTES_MAX: u64 = 512;

/// Waits until the Redis at `address` serves: it accepts connections before it has loaded its data.
pub async fn redis(address: SocketAddr) {
    until("Redis", address, "PING\r\n", |answer| answer.starts_with("+PONG"), b'\n').await;
}

/// Waits until the node at `address` says that it is ready.
pub async fn node(address: SocketAddr) {
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    until("the node", address, &request, |answer| answer.starts_with("HTTP/1.1 200"), 0).await;
}

/// Asks until the answer is good. The answer is over at the byte `end`, or with the connection.
async fn until(who: &str, address: SocketAddr, request: &str, is_good: impl Fn(&str) -> bool, end: u8) {
    let mut say_next = Instant::now() + SAY_EVERY;
    loop {
        let heard = match timeout(ANSWER_MAX, ask(address, request, end)).await {
            Ok(Ok(answer)) if is_good(&answer) => return,
            Ok(Ok(answer)) => answer.lines().next().unwrap_or("an empty answer").to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer".to_owned(),
        };
        if Instant::now() >= say_next {
            log::warn!("still waiting for {who} at {address}: {heard}");
            say_next += SAY_EVERY;
        }
        sleep(ASK_EVERY).await;
    }
}

async fn ask(address: SocketAddr, request: &str, end: u8) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let mut stream = stream.take(ANSWER_BYTES_MAX);
    while stream.read_buf(&mut answer).await? > 0 && !answer.contains(&end) {}
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn it_asks_until_the_answer_is_good() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            for answer in ["-LOADING Redis is loading\r\n", "", "+PONG\r\n"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        };
        tokio::join!(serve, redis(address));
    }
}
