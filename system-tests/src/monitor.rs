//! What Redis is asked, by everyone, in order: `MONITOR`. Unlike a subscription with a pattern it does not count as a
//! receiver, so the nodes do not take the test for a worker.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::redis_server::RedisServer;

/// Listens to what Redis is asked.
#[derive(Debug)]
pub struct Monitor {
    heard: Arc<Mutex<Vec<Vec<String>>>>,
    _reader: JoinSet<()>,
}

impl Monitor {
    /// Listens from now on.
    pub async fn start(redis: &RedisServer) -> Self {
        let stream = TcpStream::connect(redis.address()).await.expect("Redis accepts a connection");
        let mut stream = BufReader::new(stream);
        stream.write_all(b"MONITOR\r\n").await.expect("Redis listens");
        let mut lines = stream.lines();
        let confirmed = lines.next_line().await.expect("Redis answers");
        assert_eq!(confirmed.as_deref(), Some("+OK"));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let mut reader = JoinSet::new();
        let heard_by_reader = Arc::clone(&heard);
        reader.spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                heard_by_reader.lock().push(words(&line));
            }
        });
        Self { heard, _reader: reader }
    }

    /// All commands that came until now, each with its arguments.
    pub async fn heard(&self, redis: &RedisServer) -> Vec<Vec<String>> {
        let fence = format!("fence-{}", rand::random::<u64>());
        let _: String = redis.run(&["ECHO", &fence]).await;
        let is_fence = |command: &Vec<String>| command.get(1) == Some(&fence);
        crate::eventually("MONITOR tells of a command", async || {
            let mut heard = self.heard.lock();
            heard.iter().any(is_fence).then(|| std::mem::take(&mut *heard))
        })
        .await
    }
}

/// The quoted words of `+1700000000.1 [0 127.0.0.1:1] "SET" "a\"b" "\x00"`.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut characters = line.chars();
    while characters.any(|c| c == '"') {
        let mut word = String::new();
        loop {
            match characters.next() {
                None | Some('"') => break,
                Some('\\') => match characters.next() {
                    Some('n') => word.push('\n'),
                    Some('r') => word.push('\r'),
                    Some('t') => word.push('\t'),
                    Some(other) => word.push(other),
                    None => break,
                },
                Some(other) => word.push(other),
            }
        }
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn the_words_of_a_command_are_read() {
        let line = r#"+1.5 [0 127.0.0.1:1] "PUBLISH" "worker:w" "{\"a\":1}\n" "" "c""#;
        assert_eq!(words(line), ["PUBLISH", "worker:w", "{\"a\":1}\n", "", "c"]);
    }

    #[test]
    fn a_line_without_quotes_has_no_words() {
        assert_eq!(words("+OK"), [""; 0]);
    }
}
