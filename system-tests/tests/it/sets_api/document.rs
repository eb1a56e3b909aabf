//! An OpenAPI document, as far as a test needs it: version 3.1, whose schemas are those of JSON Schema 2020-12.

use std::collections::BTreeSet;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use system_tests::source;

/// The members of a path that are operations.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// The document.
pub(super) struct Document(Value);

/// What the document calls an operation: a method of a path.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: Method,
    /// With its parameters in braces.
    pub(super) path: String,
    pub(super) statuses: BTreeSet<u16>,
}

/// A response that came.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Document {
    /// Reads a file below the folder of the workspace.
    pub(super) fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(source::root().join(path)).unwrap();
        Self(serde_saphyr::from_str(&text).unwrap())
    }

    /// All operations.
    pub(super) fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().unwrap();
        let all = paths.iter().flat_map(|(path, members)| {
            METHODS.iter().filter_map(move |method| Some((path, *method, members.get(*method)?)))
        });
        all.map(|(path, method, operation)| Operation {
            id: operation["operationId"].as_str().unwrap().to_owned(),
            method: method.to_uppercase().parse().unwrap(),
            path: path.clone(),
            statuses: responses(operation).map(|(status, _)| status).collect(),
        })
        .collect()
    }

    /// Says what is wrong with the answer to an operation, if the document does not say that it may be so.
    pub(super) fn check(&self, operation: &str, answer: &Answer) -> Result<(), String> {
        let paths = self.0["paths"].as_object().unwrap().values();
        let mut all = paths.flat_map(|members| METHODS.iter().filter_map(|method| members.get(*method)));
        let found = all.find(|found| found["operationId"] == operation).expect("the operation is documented");
        let response = responses(found).find(|(status, _)| *status == answer.status);
        let (_, response) =
            response.ok_or_else(|| format!("the status {} is not documented", answer.status))?;
        self.check_response(self.resolved(response), answer)
    }

    /// The same of a response that is not documented for each operation, but once for all.
    pub(super) fn check_component(&self, name: &str, answer: &Answer) -> Result<(), String> {
        self.check_response(&self.0["components"]["responses"][name], answer)
    }

    /// Says what is wrong with the examples: each must be as its schema says.
    pub(super) fn check_examples(&self) -> Vec<String> {
        let (mut faults, mut found) = (Vec::new(), 0);
        self.walk(&self.0, &mut |media| {
            let one = media.get("example").into_iter();
            let named =
                media.get("examples").and_then(Value::as_object).into_iter().flat_map(|all| all.values());
            for example in one.chain(named.map(|example| &example["value"])) {
                found += 1;
                faults.extend(self.fault(&media["schema"], example));
            }
        });
        assert!(found > 0, "the document has no example");
        faults
    }

    fn check_response(&self, response: &Value, answer: &Answer) -> Result<(), String> {
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let header = self.resolved(header);
            match answer.headers.get(name) {
                Some(value) => {
                    let value = json!(value.to_str().map_err(|error| error.to_string())?);
                    self.fault(&header["schema"], &value).map_or(Ok(()), Err)?;
                }
                None if header["required"] == true => return Err(format!("the header {name} is missing")),
                None => {}
            }
        }
        let Some(content) = response["content"].as_object() else {
            let is_empty = answer.body.is_empty();
            return if is_empty {
                Ok(())
            } else {
                Err("there is a body, which is not documented".to_owned())
            };
        };
        let kind = answer.headers.get("content-type").map_or("none", |kind| kind.to_str().unwrap());
        let media = content.get(kind).ok_or_else(|| format!("the content type {kind} is not documented"))?;
        let body: Value = serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
        self.fault(&media["schema"], &body).map_or(Ok(()), Err)
    }

    /// What is wrong with an instance of a schema.
    fn fault(&self, schema: &Value, instance: &Value) -> Option<String> {
        // With the components where the schema refers to them.
        let whole = json!({ "allOf": [schema], "components": self.0["components"] });
        let validator = jsonschema::draft202012::new(&whole).unwrap();
        let faults: Vec<String> = validator
            .iter_errors(instance)
            .map(|error| format!("{error} at {:?}", error.instance_path().to_string()))
            .collect();
        (!faults.is_empty()).then(|| faults.join("; "))
    }

    /// What an object says, or the one that it refers to.
    fn resolved<'a>(&'a self, object: &'a Value) -> &'a Value {
        match object["$ref"].as_str() {
            Some(reference) => self.0.pointer(reference.trim_start_matches('#')).expect("it is there"),
            None => object,
        }
    }

    /// Tells of everything that has a schema.
    fn walk(&self, value: &Value, tell: &mut impl FnMut(&Value)) {
        match value {
            Value::Object(members) => {
                if members.contains_key("schema") {
                    tell(value);
                }
                members.values().for_each(|member| self.walk(member, tell));
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item, tell)),
            _ => {}
        }
    }
}

fn responses(operation: &Value) -> impl Iterator<Item = (u16, &Value)> {
    let all = operation["responses"].as_object().unwrap();
    all.iter().map(|(status, response)| (status.parse().unwrap(), response))
}
