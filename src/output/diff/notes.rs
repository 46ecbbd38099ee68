//! What is said about a comparison on standard error.

use crate::compare::{Noted, Problem, Rules};
use crate::output::status::counted;
use crate::text::terminal::sanitise;

/// Returns what was left out, and how many differences that hid; `defaults` of the ignored paths
/// are those that nobody asked for.
pub(crate) fn ignored(noted: &Noted, rules: &Rules, defaults: usize) -> Vec<String> {
    let counts = noted.ignored.iter().copied().chain(std::iter::repeat(0));
    let mut parts: Vec<String> = rules
        .ignored
        .iter()
        .zip(counts)
        .map(|(pattern, count)| hidden(&sanitise(pattern.text()), count))
        .collect();
    let asked = parts.split_off(defaults.min(parts.len()));
    for part in &mut parts {
        if let Some(name) = part.strip_prefix("**.") {
            *part = name.to_owned();
        }
    }
    if let Some([left, right]) = &rules.projects {
        let names = format!("project names {} = {}", sanitise(left), sanitise(right));
        parts.push(hidden(&names, noted.own_projects));
    }
    let mut lines = Vec::new();
    if defaults > 0 {
        lines.push(format!(
            "note: ignored by default at any depth: {}; --no-default-ignore compares them",
            parts.join(", ")
        ));
    }
    if !asked.is_empty() {
        lines.push(format!("note: ignored: {}", asked.join(", ")));
    }
    lines
}

fn hidden(what: &str, count: u64) -> String {
    match count {
        0 => what.to_owned(),
        count => format!("{what} ({count})"),
    }
}

/// Returns what of the documents could not be compared as it was meant.
pub(crate) fn warnings(noted: &Noted, names: &[String; 2]) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, count) in names.iter().zip(noted.repeated_names) {
        if count > 0 {
            lines.push(format!(
                "{name}: {} in an object more than once; the last one counts",
                counted(count, "name is", "names are")
            ));
        }
    }
    // Keys of the right side are looked at first.
    let mut problems: Vec<_> = noted.problems.iter().collect();
    problems.sort_by_key(|((side, ..), _)| *side as usize);
    for ((side, list, problem), (count, example)) in problems {
        let name = &names[*side as usize];
        lines.push(match problem {
            Problem::Missing => format!(
                "{name}: {list}: {} without the key {example}; compared in their order",
                counted(*count, "element", "elements")
            ),
            Problem::Repeated => format!(
                "{name}: {list}: {} the key of an earlier one ({example}); compared in their order",
                counted(*count, "element repeats", "elements repeat")
            ),
        });
    }
    lines
}
