//! `--meta`: a call as one JSON object, by the schema in `meta.schema.json`.

use http::Method;
use serde_json::{Value, json};

use crate::catalogue::Class;
use crate::error::Failure;
use crate::exchange::version_number;
use crate::exit::Exit;
use crate::output::record::{Record, millis};
use crate::verdict::AnsweredBy;

/// The version of the schema: later versions only add members.
const SCHEMA_VERSION: u32 = 1;

/// Returns the object, on one line.
pub(crate) fn object(record: &Record, result: Result<Exit, &Failure>) -> String {
    let Record { attempts, received } = record;
    let response = attempts.response.as_ref();
    let rounded = |milliseconds: f64| (milliseconds * 1000.0).round() / 1000.0;
    let moment = |duration| rounded(millis(duration));
    let timings = attempts.timings;
    let metrics: Vec<Value> = response
        .map(|response| response.metrics.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|metric| {
            json!({"name": metric.name, "dur": metric.duration, "desc": metric.description})
        })
        .collect();
    let (exit, error) = match result {
        Ok(exit) => (exit, None),
        Err(failure) => (failure.exit, Some(failure.headline.as_str())),
    };
    let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    json!({
        "schema_version": SCHEMA_VERSION,
        "rein": env!("CARGO_PKG_VERSION"),
        "profile": attempts.profile,
        "class": attempts.class.map(Class::name),
        "endpoint": attempts.endpoint,
        "method": attempts.method.as_ref().map(Method::as_str),
        "url": text(&attempts.url()),
        "status": response.map(|response| response.status),
        "answered_by": received.answered_by.map(AnsweredBy::name),
        "server_timing": response.filter(|response| !response.metrics.is_empty()).map(|response| json!({
            "total": response.server(),
            "metrics": metrics,
        })),
        "timings": {
            "lookup": timings.and_then(|timings| timings.lookup).map(moment),
            "connect": timings.and_then(|timings| timings.connect).map(moment),
            "tls": timings.and_then(|timings| timings.tls).map(moment),
            "first_byte": timings.and_then(|timings| timings.first_byte).map(moment),
            "total": timings.map(|timings| moment(timings.total)),
            "network": attempts.network().map(rounded),
        },
        "http_version": response.map(|response| version_number(response.version)),
        "remote": response.and_then(|response| response.remote).map(|remote| remote.to_string()),
        "tries": attempts.requests,
        "redirects": attempts.redirects,
        "bytes": received.bytes,
        "bytes_received": received.coded_bytes,
        "items": received.items,
        "pages": received.pages,
        "checks": received.checks.iter().map(|check| json!({
            "name": check.name,
            "met": check.problem.is_none(),
            "problem": check.problem,
        })).collect::<Vec<Value>>(),
        "token_source": attempts.token_source,
        "exit": exit.code(),
        "error": error,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::record::example;

    /// Checks an object against the published schema.
    fn checked(object: &str) -> Value {
        let schema: Value = serde_json::from_str(include_str!("meta.schema.json")).expect("JSON");
        let mut schemas = boon::Schemas::new();
        let mut compiler = boon::Compiler::new();
        compiler
            .add_resource("file:///meta.schema.json", schema.clone())
            .expect("added");
        let index = compiler
            .compile("file:///meta.schema.json", &mut schemas)
            .expect("a schema");
        let object: Value = serde_json::from_str(object).expect("JSON");
        if let Err(error) = schemas.validate(&object, index) {
            panic!("{error}");
        }
        let known = schema["properties"].as_object().expect("properties");
        for name in object.as_object().expect("an object").keys() {
            assert!(known.contains_key(name), "{name} is not in the schema");
        }
        object
    }

    #[test]
    fn a_refusal_has_no_status() {
        let failure = Failure::new(Exit::Guard, "refused");
        let object = checked(&object(&Record::default(), Err(&failure)));
        assert_eq!(
            (&object["status"], &object["exit"], &object["error"]),
            (&Value::Null, &json!(9), &json!("refused"))
        );
    }

    #[test]
    fn a_call_has_all() {
        let object = checked(&object(&example(), Ok(Exit::Ok)));
        assert_eq!(object["server_timing"]["total"], json!(37.7));
        assert_eq!(object["timings"]["network"], json!(24.1));
        assert_eq!(object["timings"]["lookup"], Value::Null);
        assert_eq!(object["token_source"], json!("$REINFER_TOKEN"));
    }
}
