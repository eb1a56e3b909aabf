//! What is asked, and a deployment to ask it of.

use std::fmt;

use reqwest::{Client, Method};
use serde_json::{Value, json};
use system_tests::Cluster;

use super::document::{Answer, Operation};
use super::set;

/// A request over HTTP. Braces in its path stand for what only the deployment knows.
#[derive(Debug, Clone)]
pub(super) struct Request {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
}

impl Request {
    /// One without a body.
    pub(super) fn bare(method: Method, path: &str) -> Self {
        // Where any value will do.
        Self { method, path: path.replace("{value}", "eggs"), headers: Vec::new(), body: None }
    }

    pub(super) fn get(path: &str) -> Self {
        Self::bare(Method::GET, path)
    }

    pub(super) fn head(path: &str) -> Self {
        Self::bare(Method::HEAD, path)
    }

    pub(super) fn put(path: &str) -> Self {
        Self::bare(Method::PUT, path)
    }

    pub(super) fn delete(path: &str) -> Self {
        Self::bare(Method::DELETE, path)
    }

    pub(super) fn post(path: &str, body: &Value) -> Self {
        Self::bare(Method::POST, path).json(body)
    }

    pub(super) fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    pub(super) fn body(mut self, body: String) -> Self {
        self.body = Some(body);
        self
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the body that an operation needs, about this set.
    pub(super) fn usual(self, operation: &str, set: &str) -> Self {
        match operation {
            "createSet" => self.json(&json!({ "id": set })),
            "applyOperations" => self.json(&json!({ "operations": [{ "op": "add", "value": "eggs" }] })),
            "getChanges" => Self { path: format!("{}?since={{cursor}}", self.path), ..self },
            _ => self,
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body: String = self.body.iter().flat_map(|body| body.chars()).take(200).collect();
        write!(f, "{} {} {:?} {body}", self.method, self.path, self.headers)
    }
}

impl Operation {
    /// Whether a request asks for this one.
    pub(super) fn is_asked_by(&self, request: &Request) -> bool {
        let path = request.path.split('?').next().unwrap_or_default();
        let parts = |path: &str| path.splitn(5, '/').map(str::to_owned).collect::<Vec<_>>();
        let (template, asked) = (parts(&self.path), parts(path));
        let is_same = |(template, asked): (&String, &String)| template == asked || template.starts_with('{');
        request.method == self.method
            && template.len() == asked.len()
            && template.iter().zip(&asked).all(is_same)
    }
}

/// A deployment that holds the sets which the requests are about.
pub(super) struct Deployment {
    pub(super) cluster: Cluster,
    client: Client,
    /// A place in the log of [`set::FOOD`] that it has, before its newest.
    cursor: String,
}

impl Deployment {
    /// Starts it.
    pub(super) async fn start() -> Self {
        let cluster = Cluster::start(1, 1).await;
        // No connection is used again: a node hangs up after a body that it does not take.
        let client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        let mut deployment = Self { cluster, client, cursor: String::new() };
        for id in [set::FOOD, set::OLD, set::HUGE, set::SPOILT, "deleted"] {
            let answer = deployment.ask(&Request::post("/sets", &json!({ "id": id }))).await;
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            if id == set::FOOD {
                deployment.cursor = body["cursor"].as_str().unwrap().to_owned();
            }
        }
        for (op, value) in [("add", "eggs"), ("add", "bread"), ("remove", "bread")] {
            let operation = json!({ "op": op, "value": value, "stamp": [10 + op.len(), "phone"] });
            let path = format!("/sets/{}/operations", set::FOOD);
            deployment.ask(&Request::post(&path, &json!({ "operations": [operation] }))).await;
        }
        let floor = ["HSET", &key(set::OLD, "meta"), "floor_ms", "1000"];
        let _: u64 = deployment.cluster.redis.run(&floor).await;
        deployment
    }

    /// Fills [`set::HUGE`]: 12,000 values, each of which has 6 KB as JSON: control characters are written as `\u0001`.
    pub(super) async fn fill_huge(&self) {
        let mut fill = redis::pipe();
        for number in 0..12_000 {
            let value = format!("{number:08}{}", "\u{1}".repeat(1_016));
            fill.cmd("HSET").arg(key(set::HUGE, "elements")).arg(value).arg("+1:phone").ignore();
        }
        let () = fill.query_async(&mut self.cluster.redis.connect().await).await.unwrap();
    }

    /// Writes nonsense into the keys of [`set::SPOILT`] and into the index.
    pub(super) async fn spoil(&self) {
        for key in [key(set::SPOILT, "meta"), "sets".to_owned()] {
            let _: String = self.cluster.redis.run(&["SET", &key, "nonsense"]).await;
        }
    }

    /// Asks.
    pub(super) async fn ask(&self, request: &Request) -> Answer {
        let Request { method, path, headers, body } = request.clone();
        let url = self.cluster.nodes[0].http(&path.replace("{cursor}", &self.cursor));
        let mut asked = self.client.request(method, url);
        for (name, value) in headers {
            asked = asked.header(name, value);
        }
        if let Some(body) = body {
            asked = asked.body(body);
        }
        let answer = asked.send().await.unwrap_or_else(|error| panic!("{request}: {error:?}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Answer { status, headers, body: answer.bytes().await.unwrap().to_vec() }
    }
}

fn key(set: &str, name: &str) -> String {
    format!("set:{{{set}}}:{name}")
}
