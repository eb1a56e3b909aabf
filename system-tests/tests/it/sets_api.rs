//! The HTTP interface of sets does what docs/openapi/sets.yaml says: each operation and each status of the document happens,
//! and what happens is in the document. Beside it, what is refused with which error, and how large answers are sent.

mod bad_input;
mod compressed;
mod document;
mod request;

use std::collections::BTreeSet;

use document::{Answer, Document, Operation};
use futures_util::future::join_all;
use request::{Deployment, Request};
use reqwest::Method;
use serde_json::{Value, json};
use system_tests::bounded;

const DOCUMENT: &str = "docs/openapi/sets.yaml";
/// Far in the future, but a time that a stamp may have.
const FAR_MS: u64 = (1 << 53) - 1;

/// What the deployment holds in these tests, by the id of the set.
mod set {
    /// Contains `eggs`, and remembers that `bread` was removed.
    pub(super) const FOOD: &str = "food";
    /// Is refused what is older than a time.
    pub(super) const OLD: &str = "old";
    /// Can be made larger than what can be sent.
    pub(super) const HUGE: &str = "huge";
    /// Can be spoilt as a stranger would.
    pub(super) const SPOILT: &str = "spoilt";
}

/// Requests whose answers depend on what they ask for: which operation, the status, and the request.
fn particular() -> Vec<(&'static str, u16, Request)> {
    let (get, put, delete) = (Request::get, Request::put, Request::delete);
    let of = |path: &str| format!("/sets/{}{path}", set::FOOD);
    let stamped = |ms: u64| json!({ "stamp": [ms, "phone"] });
    let tag = r#""none", *"#;
    vec![
        ("listSets", 200, get("/sets?limit=2")),
        ("listSets", 400, get("/sets?limit=0")),
        ("listSets", 400, get("/sets?after=x")),
        ("headSets", 200, Request::head("/sets")),
        ("headSets", 400, Request::head("/sets?limit=0")),
        ("createSet", 201, Request::post("/sets", &json!({}))),
        ("createSet", 201, Request::bare(Method::POST, "/sets")),
        ("createSet", 200, Request::post("/sets", &json!({ "id": set::FOOD }))),
        ("createSet", 400, Request::post("/sets", &json!({ "name": 5 }))),
        ("getSet", 200, get(&of(""))),
        ("getSet", 200, get(&of("?tombstones=1"))),
        ("getSet", 304, get(&of("")).header("if-none-match", tag)),
        ("getSet", 400, get(&of("?tombstones=2"))),
        ("getSet", 413, get(&format!("/sets/{}", set::HUGE))),
        ("headSet", 200, Request::head(&of(""))),
        ("headSet", 304, Request::head(&of("")).header("if-none-match", tag)),
        ("getElement", 200, get(&of("/elements/eggs"))),
        ("getElement", 200, get(&of("/elements/bread"))),
        ("getElement", 200, get(&of("/elements/never"))),
        ("getElement", 413, get(&of(&format!("/elements/{}", "x".repeat(1_025))))),
        ("headElement", 200, Request::head(&of("/elements/eggs"))),
        ("addElement", 200, put(&of("/elements/eggs")).json(&stamped(20))),
        ("addElement", 200, put(&of("/elements/eggs")).json(&stamped(20))),
        ("addElement", 200, put(&of("/elements/eggs")).json(&stamped(19))),
        ("addElement", 200, put(&of("/elements/milk"))),
        ("addElement", 400, put(&of("/elements/eggs")).json(&json!({ "stamp": [1] }))),
        ("addElement", 409, put(&of("/elements/eggs")).json(&stamped(FAR_MS))),
        ("addElement", 409, put(&format!("/sets/{}/elements/x", set::OLD)).json(&stamped(1))),
        ("removeElement", 200, delete(&of("/elements/milk"))),
        ("removeElement", 400, delete(&of("/elements/eggs")).json(&json!({ "stamp": 1 }))),
        ("removeElement", 409, delete(&of("/elements/eggs")).json(&stamped(FAR_MS))),
        ("applyOperations", 200, Request::post(&of("/operations"), &every_outcome())),
        ("applyOperations", 400, Request::post(&of("/operations"), &json!({}))),
        ("getChanges", 200, get(&of("/changes"))),
        ("getChanges", 200, get(&of("/changes?since={cursor}&limit=1"))),
        ("getChanges", 400, get(&of("/changes?since=x"))),
        ("getChanges", 413, get(&format!("/sets/{}/changes", set::HUGE))),
        ("headChanges", 200, Request::head(&of("/changes"))),
        ("getDigest", 200, get(&of("/digest"))),
        ("headDigest", 200, Request::head(&of("/digest"))),
        ("deleteSet", 204, delete("/sets/deleted")),
    ]
}

/// Operations with each outcome that a set can have which is not [`set::OLD`].
fn every_outcome() -> Value {
    let operation =
        |op: &str, value: &str, ms: u64| json!({ "op": op, "value": value, "stamp": [ms, "phone"] });
    json!({ "operations": [
        operation("add", "salt", 20),
        operation("add", "salt", 20),
        operation("remove", "salt", 19),
        operation("add", "pepper", FAR_MS),
        { "op": "remove", "value": "oil" },
    ] })
}

/// A request that an operation answers with this status for the same reason as all others, if it knows that reason.
fn general(status: u16, operation: &Operation) -> Option<Request> {
    let is_about_a_set = operation.path.contains("{id}");
    let takes_a_body = ![Method::GET, Method::HEAD].contains(&operation.method);
    let of = |id: &str| Request::bare(operation.method.clone(), &operation.path.replace("{id}", id));
    match status {
        // The id is not UTF-8.
        400 => is_about_a_set.then(|| of("%ff")),
        404 => is_about_a_set.then(|| of("unknown").usual(&operation.id, set::FOOD)),
        // A body that a node does not take.
        413 => Some(of(set::FOOD).header("content-type", "application/json").body(" ".repeat(1_100_000))),
        415 => takes_a_body.then(|| of(set::FOOD).header("content-type", "text/plain").body("{}".to_owned())),
        500 => Some(of(set::SPOILT).usual(&operation.id, set::SPOILT)),
        _ => Some(of(set::FOOD).usual(&operation.id, set::FOOD)),
    }
}

/// What was answered so far, beside what the document says.
struct Answers {
    document: Document,
    operations: Vec<Operation>,
    happened: BTreeSet<(String, u16)>,
    faults: Vec<String>,
}

impl Answers {
    fn new(document: Document) -> Self {
        let operations = document.operations();
        Self { document, operations, happened: BTreeSet::new(), faults: Vec::new() }
    }

    fn note(&mut self, operation: &str, status: u16, request: &Request, answer: &Answer) {
        let other = (answer.status != status).then(|| format!("{} instead of {status}", answer.status));
        if let Some(fault) = self.document.check(operation, answer).err().or(other) {
            let said = String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]);
            self.faults.push(format!("{operation}: {fault}: {request} is answered {said}"));
        }
        self.happened.insert((operation.to_owned(), answer.status));
    }

    /// Asks for one operation.
    async fn ask(&mut self, deployment: &Deployment, id: &str, status: u16, request: &Request) {
        let operation = self.operations.iter().find(|operation| operation.id == id);
        let operation = operation.unwrap_or_else(|| panic!("{id} is not documented"));
        assert!(operation.is_asked_by(request), "{request} is not about {}", operation.path);
        let answer = deployment.ask(request).await;
        self.note(id, status, request, &answer);
    }

    /// Asks for all operations, one after the other.
    async fn ask_each(&mut self, deployment: &Deployment, status: u16) {
        for (operation, request) in self.general(status) {
            if status == 500 {
                deployment.spoil().await;
            }
            let answer = deployment.ask(&request).await;
            self.note(&operation, status, &request, &answer);
        }
    }

    /// Asks for all operations at the same time.
    async fn ask_together(&mut self, deployment: &Deployment, status: u16) {
        let requests = self.general(status);
        let answers = join_all(requests.iter().map(|(_, request)| deployment.ask(request))).await;
        for ((operation, request), answer) in requests.iter().zip(answers) {
            self.note(operation, status, request, &answer);
        }
    }

    fn general(&self, status: u16) -> Vec<(String, Request)> {
        let asked = |operation: &Operation| Some((operation.id.clone(), general(status, operation)?));
        self.operations.iter().filter_map(asked).collect()
    }

    fn assert_are_all_that_is_documented(&self) {
        let statuses = |operation: &Operation| -> Vec<_> {
            operation.statuses.iter().map(|status| (operation.id.clone(), *status)).collect()
        };
        let documented: BTreeSet<_> = self.operations.iter().flat_map(statuses).collect();
        let missing: Vec<_> = documented.difference(&self.happened).collect();
        let is_fine = self.faults.is_empty() && missing.is_empty();
        assert!(is_fine, "{:#?}, documented, but did not happen: {missing:?}", self.faults);
    }
}

#[test]
fn every_operation_and_every_status_of_the_document_happens_as_it_says() {
    bounded(async {
        let mut answers = Answers::new(Document::read(DOCUMENT));
        let deployment = Deployment::start().await;
        deployment.fill_huge().await;
        for (operation, status, request) in particular() {
            answers.ask(&deployment, operation, status, &request).await;
        }
        for status in [400, 404, 413, 415, 500] {
            answers.ask_each(&deployment, status).await;
        }
        // What it has when it stops is never answered; soon nobody knows it any more.
        deployment.cluster.workers[0].freeze();
        for status in [504, 503] {
            answers.ask_together(&deployment, status).await;
        }
        answers.assert_are_all_that_is_documented();
    });
}

#[test]
fn a_method_that_is_not_documented_is_refused_with_those_that_are() {
    bounded(async {
        let document = Document::read(DOCUMENT);
        let deployment = Deployment::start().await;
        let operations = document.operations();
        let paths: BTreeSet<&str> = operations.iter().map(|operation| operation.path.as_str()).collect();
        for path in paths {
            let of_path = operations.iter().filter(|operation| operation.path == path);
            let known: BTreeSet<String> = of_path.map(|operation| operation.method.to_string()).collect();
            for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"] {
                if known.contains(method) {
                    continue;
                }
                let request = Request::bare(method.parse().unwrap(), &path.replace("{id}", set::FOOD));
                let answer = deployment.ask(&request).await;
                assert_eq!(answer.status, 405, "{method} {path}");
                let allowed = answer.headers["allow"].to_str().unwrap().split(", ").map(str::to_owned);
                assert_eq!(allowed.collect::<BTreeSet<_>>(), known, "{method} {path}");
                if method != "HEAD" {
                    assert_eq!(
                        document.check_component("MethodNotAllowed", &answer),
                        Ok(()),
                        "{method} {path}"
                    );
                }
            }
        }
    });
}

#[test]
fn the_examples_of_the_document_are_as_their_schemas_say() {
    let faults = Document::read(DOCUMENT).check_examples();
    assert!(faults.is_empty(), "{faults:#?}");
}
