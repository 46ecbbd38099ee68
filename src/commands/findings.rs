//! What `profile check` has found, and how it is shown to people and to programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use crate::error::Failure;
use crate::exit::Exit;
use crate::output::fit;
use crate::text::terminal::{Theme, sanitise};

/// The outcome of one step.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Ok,
    Warn,
    Fail,
}

impl State {
    fn word(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        }
    }
}

/// One step of a check.
struct Step {
    name: &'static str,
    state: State,
    detail: String,
    cure: String,
}

/// Everything found about one profile.
pub(super) struct Report {
    pub(super) profile: String,
    steps: Vec<Step>,
    /// For each project every permission by its documented name, and whether it is held.
    pub(super) permissions: BTreeMap<String, Vec<(String, bool)>>,
    /// The profile's own project.
    pub(super) own: Option<String>,
    /// The first failure's code.
    pub(super) exit: Exit,
}

impl Report {
    pub(super) fn new(profile: &str) -> Self {
        Report {
            profile: profile.to_owned(),
            steps: Vec::new(),
            permissions: BTreeMap::new(),
            own: None,
            exit: Exit::Ok,
        }
    }

    pub(super) fn ok(&mut self, name: &'static str, detail: impl Into<String>) {
        self.add(name, State::Ok, detail.into(), "");
    }

    pub(super) fn warn(&mut self, name: &'static str, detail: impl Into<String>, cure: &str) {
        self.add(name, State::Warn, detail.into(), cure);
    }

    /// Adds what is to blame for a failure that has been added.
    pub(super) fn broken(&mut self, name: &'static str, detail: String, cure: &str) {
        self.add(name, State::Fail, detail, cure);
    }

    /// Adds a failure with its own advice, or with this one where it has none.
    pub(super) fn fail(&mut self, name: &'static str, failure: &Failure, cure: &str) {
        if self.exit == Exit::Ok {
            self.exit = failure.exit;
        }
        let detail = [std::slice::from_ref(&failure.headline), &failure.facts]
            .concat()
            .join("; ");
        let own = failure.hints.join("; ");
        let cure = if own.is_empty() { cure } else { &own };
        self.add(name, State::Fail, detail, cure);
    }

    fn add(&mut self, name: &'static str, state: State, detail: String, cure: &str) {
        self.steps.push(Step {
            name,
            state,
            detail,
            cure: cure.to_owned(),
        });
    }
}

/// Where the details of a step begin.
const DETAIL: usize = 21;

/// Where the columns of the projects begin.
const PROJECTS: usize = 28;

/// Returns a report for people, on a terminal with this many columns.
pub(super) fn page(report: &Report, theme: &Theme, width: Option<usize>) -> String {
    let under = |text: &str, column: usize| fit::under(&sanitise(text), column, width);
    let heading = theme.heading;
    let mut text = format!("{heading}{}{heading:#}\n", sanitise(&report.profile));
    for step in &report.steps {
        let style = match step.state {
            State::Ok => theme.ok,
            State::Warn => theme.hint,
            State::Fail => theme.error,
        };
        text.push_str(&format!(
            "  {style}{:<4}{style:#}  {:<11}  {}\n",
            step.state.word(),
            step.name,
            under(&step.detail, DETAIL)
        ));
        if !step.cure.is_empty() {
            text.push_str(&format!(
                "{}→ {}\n",
                " ".repeat(DETAIL),
                under(&step.cure, DETAIL + 2)
            ));
        }
    }
    let room = width.map_or(usize::MAX, |width| width.saturating_sub(PROJECTS));
    text.push_str(&table(report, theme, room));
    text
}

/// Returns the permissions, a column for each project; of many projects only the profile's own.
/// Where the columns do not fit, the rest comes in tables of its own.
fn table(report: &Report, theme: &Theme, room: usize) -> String {
    const MAX_PROJECTS: usize = 6;
    let all = report.permissions.len();
    let shown: Vec<(&String, &Vec<(String, bool)>)> = report
        .permissions
        .iter()
        .filter(|(project, _)| all <= MAX_PROJECTS || report.own.as_ref() == Some(project))
        .collect();
    let mut text = String::new();
    let mut rest = &shown[..];
    while !rest.is_empty() {
        let mut used = 0;
        let fits = rest.iter().take_while(|(project, _)| {
            used += sanitise(project).width() + 2;
            used <= room.saturating_add(2)
        });
        let (first, later) = rest.split_at(fits.count().max(1));
        text.push_str(&columns(first, theme));
        rest = later;
    }
    if shown.len() < all {
        text.push_str(&format!(
            "\n  permissions on {all} projects in all: --format json shows them\n"
        ));
    }
    text
}

/// Returns the permissions on some projects.
fn columns(shown: &[(&String, &Vec<(String, bool)>)], theme: &Theme) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in shown.iter().flat_map(|(_, held)| held.iter()) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let heading = theme.heading;
    let projects: Vec<_> = shown.iter().map(|(project, _)| sanitise(project)).collect();
    let mut text = format!(
        "\n  {heading}{:<26}{}{heading:#}\n",
        "permission",
        projects.join("  ")
    );
    for name in &names {
        let cells = shown.iter().zip(&projects).map(|((_, held), project)| {
            let is_held = held.iter().any(|(known, held)| known == name && *held);
            let word = if is_held { "yes" } else { "-" };
            format!("{word:<width$}", width = project.width())
        });
        let line = format!(
            "  {:<26}{}",
            sanitise(name),
            cells.collect::<Vec<_>>().join("  ")
        );
        text.push_str(&format!("{}\n", line.trim_end()));
    }
    text
}

/// Returns reports for programs.
pub(super) fn json(reports: &[Report]) -> String {
    let reports = reports.iter().map(|report| {
        let steps = report.steps.iter().map(|step| {
            json!({"step": step.name, "state": step.state.word(), "detail": step.detail, "cure": step.cure})
        });
        let permissions = report.permissions.iter().map(|(project, held)| {
            let held = held.iter().map(|(name, held)| (name.clone(), Value::from(*held)));
            (project.clone(), Value::Object(held.collect()))
        });
        json!({
            "profile": report.profile,
            "exit": report.exit.code(),
            "steps": steps.collect::<Vec<Value>>(),
            "permissions": Value::Object(permissions.collect()),
        })
    });
    format!("{}\n", Value::Array(reports.collect()))
}
