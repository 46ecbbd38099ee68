//! `rein timing --format json|csv|ndjson`: every read, and what all of them come to. The JSON
//! object is described by `timing.schema.json`.

use serde_json::{Map, Value, json};

use super::{Comparison, Connections, Group, PERCENTS, Quantity, Report, Run, Sample};
use crate::verdict::statistics::{self, Sorted};

/// The version of the schema; it grows when a field changes its meaning.
const SCHEMA: u32 = 1;

/// Returns the whole run as one JSON object.
pub(crate) fn json(report: &Report<'_>) -> String {
    let mut object = summary(report);
    let samples = report.run.samples.iter();
    let samples = samples.map(|sample| Value::Object(read(report.run, sample)));
    object.insert("reads".to_owned(), samples.collect());
    format!("{}\n", Value::Object(object))
}

/// Returns a line for each read, and one for what they come to.
pub(crate) fn ndjson(report: &Report<'_>) -> String {
    let line = |kind: &str, rest: Map<String, Value>| {
        let mut object = Map::new();
        object.insert("type".to_owned(), json!(kind));
        object.extend(rest);
        format!("{}\n", Value::Object(object))
    };
    let samples = report.run.samples.iter();
    let mut text: String = samples
        .map(|sample| line("read", read(report.run, sample)))
        .collect();
    text.push_str(&line("summary", summary(report)));
    text
}

/// Returns a row for each read.
pub(crate) fn csv(report: &Report<'_>) -> String {
    let mut header: Vec<String> = [
        "profile", "read", "at_ms", "status", "exit", "error", "bytes",
    ]
    .map(str::to_owned)
    .to_vec();
    header.extend(Quantity::ALL.map(|quantity| format!("{}_ms", quantity.key())));
    header.push("percentile_method".to_owned());
    let mut text = line(&header);
    for sample in &report.run.samples {
        let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
        let error = sample.error.as_ref();
        let mut row = vec![
            report.run.profiles[sample.profile].clone(),
            sample.read.to_string(),
            rounded(sample.at).to_string(),
            sample
                .status
                .map_or_else(String::new, |status| status.to_string()),
            error.map_or(0, |error| error.exit.code()).to_string(),
            error.map_or_else(String::new, |error| error.headline.clone()),
            sample.bytes.to_string(),
        ];
        row.extend(Quantity::ALL.map(|quantity| number(sample.times.get(quantity).map(rounded))));
        row.push(statistics::PERCENTILE_METHOD.to_owned());
        text.push_str(&line(&row));
    }
    text
}

fn line(cells: &[String]) -> String {
    let quoted = |cell: &String| match cell.contains(['"', ',', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    };
    let cells: Vec<String> = cells.iter().map(quoted).collect();
    format!("{}\r\n", cells.join(","))
}

/// Rounds to a nanosecond: what is behind it is an artefact of the unit.
fn rounded(millis: f64) -> f64 {
    (millis * 1e6).round() / 1e6
}

fn read(run: &Run, sample: &Sample) -> Map<String, Value> {
    let times = Quantity::ALL.map(|quantity| {
        let time = sample.times.get(quantity).map(rounded);
        (format!("{}_ms", quantity.key()), json!(time))
    });
    let error = sample.error.as_ref();
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("profile", json!(run.profiles[sample.profile]));
    put("read", json!(sample.read));
    put("at_ms", json!(rounded(sample.at)));
    put("status", json!(sample.status));
    put("exit", json!(error.map_or(0, |error| error.exit.code())));
    put("error", json!(error.map(|error| &error.headline)));
    put("bytes", json!(sample.bytes));
    object.extend(times);
    object
}

fn summary(report: &Report<'_>) -> Map<String, Value> {
    let run = report.run;
    let (reads, failed) = report.counts();
    let method = json!({
        "percentile": statistics::PERCENTILE_METHOD,
        "spread": statistics::SPREAD_METHOD,
        "interval": "95 % bootstrap interval of the difference of medians, percentile method",
        "resamples": statistics::RESAMPLES,
        "seed": statistics::SEED,
        "network": "first byte less server, without opening a connection",
    });
    let checks = report.checks.iter().map(|check| {
        json!({
            "name": check.name,
            "met": check.problem.is_none(),
            "problem": check.problem,
        })
    });
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("schema_version", json!(SCHEMA));
    put("method", json!(run.method.as_str()));
    put("path", json!(run.path));
    put(
        "connections",
        json!(match run.connections {
            Connections::Kept => "kept",
            Connections::Fresh => "fresh",
        }),
    );
    put("jobs", json!(run.jobs));
    put("warmup", json!(run.warmup));
    put("asked", json!(run.reads * run.profiles.len()));
    put("made", json!(reads));
    put("failed", json!(failed));
    put("statistics", method);
    put("profiles", report.groups.iter().map(group).collect());
    let comparisons = report.comparisons.iter();
    put(
        "comparisons",
        comparisons.map(|found| comparison(report, found)).collect(),
    );
    put("checks", checks.collect());
    put("notes", json!(report.notes()));
    object
}

fn group(group: &Group) -> Value {
    let errors = group.errors.iter().map(|(error, count)| {
        json!({"error": error.headline, "exit": error.exit.code(), "count": count})
    });
    let rows = group.rows.iter();
    let times: Map<String, Value> = rows
        .map(|(quantity, values)| (quantity.key().to_owned(), numbers(values)))
        .collect();
    json!({
        "profile": group.profile,
        "reads": group.reads,
        "failed": group.failed(),
        "errors": errors.collect::<Vec<Value>>(),
        "times_ms": times,
    })
}

fn numbers(values: &Sorted) -> Value {
    let mut object = Map::new();
    object.insert("count".to_owned(), json!(values.count()));
    for percent in PERCENTS {
        let value = values.percentile(percent).map(rounded);
        object.insert(format!("p{percent}"), json!(value));
    }
    object.insert("max".to_owned(), json!(values.max().map(rounded)));
    object.insert("mean".to_owned(), json!(values.mean().map(rounded)));
    let spread = values.standard_deviation().map(rounded);
    object.insert("standard_deviation".to_owned(), json!(spread));
    Value::Object(object)
}

fn comparison(report: &Report<'_>, comparison: &Comparison) -> Value {
    let rows = comparison.rows.iter();
    let times: Map<String, Value> = rows
        .map(|(quantity, found)| {
            let row = json!({
                "difference": rounded(found.of_medians),
                "low": rounded(found.low),
                "high": rounded(found.high),
                "larger_than_spread": found.is_clear(),
            });
            (quantity.key().to_owned(), row)
        })
        .collect();
    json!({
        "base": report.groups[comparison.base].profile,
        "other": report.groups[comparison.other].profile,
        "medians_ms": times,
    })
}
