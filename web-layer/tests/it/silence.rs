//! Clients of which nothing is heard.

use serde_json::json;

use crate::support::wire::{CLOSE, FIN, PING, PONG, TEXT, frame};
use crate::support::worker::WS;
use crate::support::{Wire, spine};

#[tokio::test]
async fn a_silent_client_is_pinged_once_and_then_closed_with_4000() {
    let (_redis, node, mut worker) = spine("--ping-after-ms 1000 --idle-timeout-ms 3000").await;
    let mut wire = Wire::upgraded(&node, WS, b"").await;
    let open = worker.next_of("open").await;
    worker.reply(&open, json!([])).await;
    assert_eq!(wire.frame().await, (FIN | PING, Vec::new()));
    assert_eq!(wire.close_code().await, 4000);
    wire.write(&frame(FIN | CLOSE, &4000_u16.to_be_bytes())).await;
    wire.ended().await;
    worker.next_of("close").await;
}

#[tokio::test]
async fn whatever_a_client_sends_counts_as_a_sign_of_life() {
    let (_redis, node, mut worker) = spine("--ping-after-ms 1000 --idle-timeout-ms 3000").await;
    let mut wire = Wire::upgraded(&node, WS, b"").await;
    let open = worker.next_of("open").await;
    worker.reply(&open, json!([])).await;
    // Without the signs of life there would be a Close frame instead of the fourth ping.
    for signal in [FIN | PONG, FIN | PING, TEXT] {
        assert_eq!(wire.frame().await, (FIN | PING, Vec::new()));
        wire.write(&frame(signal, b"")).await;
        if signal == FIN | PING {
            assert_eq!(wire.frame().await, (FIN | PONG, Vec::new()));
        }
    }
    assert_eq!(wire.frame().await, (FIN | PING, Vec::new()));
}
