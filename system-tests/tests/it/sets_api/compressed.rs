//! Large answers are compressed for clients that accept it, and not sent to those who have them.

use std::io::Read as _;

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use system_tests::bounded;

use super::request::{Deployment, Request};

#[test]
fn a_large_set_is_compressed_for_those_who_accept_it_and_not_sent_again() {
    const VALUES: usize = 12_000;
    bounded(async {
        let deployment = Deployment::start().await;
        for first in (0..VALUES).step_by(1_000) {
            let add = |value| json!({ "op": "add", "value": format!("value-{value:05}") });
            let operations: Vec<Value> = (first..first + 1_000).map(add).collect();
            let body = json!({ "operations": operations });
            let answer = deployment.ask(&Request::post("/sets/old/operations", &body)).await;
            assert_eq!(answer.status, 200);
        }
        let all = Request::get("/sets/old");
        let plain = deployment.ask(&all).await;
        let small = deployment.ask(&all.clone().header("accept-encoding", "gzip")).await;
        let elements = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["elements"].clone();
        let mut unpacked = Vec::new();
        GzDecoder::new(&small.body[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(elements(&unpacked).as_array().unwrap().len(), VALUES);
        assert_eq!(elements(&unpacked), elements(&plain.body));
        assert!(small.body.len() * 3 < plain.body.len(), "{} of {}", small.body.len(), plain.body.len());
        assert_eq!(small.headers["content-encoding"], "gzip");
        assert!(!plain.headers.contains_key("content-encoding"));
        for answer in [&plain, &small] {
            assert_eq!(answer.headers["vary"], "accept-encoding");
        }

        let (strong, weak) =
            (plain.headers["etag"].to_str().unwrap(), small.headers["etag"].to_str().unwrap());
        assert_eq!(weak, format!("W/{strong}"));
        // Compared weakly (RFC 9110, section 13.1.2).
        for tags in [strong, weak, "*", &format!("\"other\", {weak}")] {
            for coding in ["gzip", "identity"] {
                let request = all.clone().header("accept-encoding", coding).header("if-none-match", tags);
                let answer = deployment.ask(&request).await;
                assert_eq!((answer.status, answer.body.len()), (304, 0), "{tags}, {coding}");
                let tag = answer.headers["etag"].to_str().unwrap();
                assert_eq!(tag.trim_start_matches("W/"), strong, "{tags}, {coding}");
            }
        }
        for tags in ["\"other\"", "W/\"other\"", &strong.replace('"', "")] {
            assert_eq!(
                deployment.ask(&all.clone().header("if-none-match", tags)).await.status,
                200,
                "{tags}"
            );
        }
        deployment.ask(&Request::put("/sets/old/elements/one-more")).await;
        let changed = all.clone().header("accept-encoding", "gzip").header("if-none-match", weak);
        assert_eq!(deployment.ask(&changed).await.status, 200);
    });
}
