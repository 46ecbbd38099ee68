//! `rein profile check`: the doctor. Looks at each step of a first call and says what to do.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::{CheckArgs, ListFormat};
use crate::commands::probe::{self, Probe};
use crate::commands::{Context, call, print};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::record;
use crate::output::terminal::{Theme, sanitise};
use crate::plan::connection;
use crate::profile::Profile;
use crate::profile::resolve::{self, Choice};

/// Clocks further apart than this make certificates and tokens fail in ways that are hard to see.
const TOLERATED_SKEW: Duration = Duration::from_secs(60);

/// A certificate that ends sooner than this is worth a word.
const EXPIRES_SOON: Duration = Duration::from_secs(21 * 24 * 3600);

fn days(time: Duration) -> String {
    format!("{} days", time.as_secs() / (24 * 3600))
}

/// How one step stands.
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
struct Report {
    profile: String,
    steps: Vec<Step>,
    /// The first failure's code.
    exit: Exit,
}

impl Report {
    fn new(profile: &str) -> Self {
        Report {
            profile: profile.to_owned(),
            steps: Vec::new(),
            exit: Exit::Ok,
        }
    }

    fn ok(&mut self, name: &'static str, detail: impl Into<String>) {
        self.steps.push(Step {
            name,
            state: State::Ok,
            detail: detail.into(),
            cure: String::new(),
        });
    }

    fn warn(&mut self, name: &'static str, detail: impl Into<String>, cure: impl Into<String>) {
        self.steps.push(Step {
            name,
            state: State::Warn,
            detail: detail.into(),
            cure: cure.into(),
        });
    }

    fn fail(&mut self, name: &'static str, failure: &Failure) {
        if self.exit == Exit::Ok {
            self.exit = failure.exit;
        }
        let detail = [std::slice::from_ref(&failure.headline), &failure.facts]
            .concat()
            .join("; ");
        self.steps.push(Step {
            name,
            state: State::Fail,
            detail,
            cure: failure.hints.join("; "),
        });
    }
}

/// Checks one profile, or all of them, with GETs alone.
///
/// # Errors
/// Fails when nothing can be printed; what is wrong with a profile is in the report and the code.
pub(crate) fn run(args: &CheckArgs, cx: &Context) -> Result<Exit> {
    let choice = call::choice(&args.options);
    let names: Vec<String> = if args.all {
        resolve::all(&choice, &cx.env)?
            .into_iter()
            .map(|profile| profile.name)
            .collect()
    } else {
        args.name
            .iter()
            .chain(&args.options.profile)
            .take(1)
            .cloned()
            .collect()
    };
    let runtime = cx.runtime()?;
    let reports: Vec<Report> = runtime.block_on(async {
        let mut reports = Vec::new();
        if names.is_empty() {
            reports.push(check(choice, cx).await);
        }
        for name in &names {
            reports.push(
                check(
                    Choice {
                        profile: Some(name),
                        ..choice
                    },
                    cx,
                )
                .await,
            );
        }
        reports
    });
    runtime.shutdown_background();
    let text = match args.format {
        ListFormat::Table => reports
            .iter()
            .map(|report| page(report, &cx.stdout_theme))
            .collect::<Vec<_>>()
            .join("\n"),
        ListFormat::Json => format!("{}\n", Value::Array(reports.iter().map(as_json).collect())),
    };
    print(&text)?;
    Ok(reports
        .iter()
        .map(|report| report.exit)
        .find(|exit| *exit != Exit::Ok)
        .unwrap_or(Exit::Ok))
}

async fn check(choice: Choice<'_>, cx: &Context) -> Report {
    let mut report = Report::new(choice.profile.unwrap_or("(chosen by default)"));
    let tenant = match call::demo_tenant(choice.profile).await {
        Ok(tenant) => tenant,
        Err(failure) => {
            report.fail("demo", &failure);
            return report;
        }
    };
    let profile = match call::choose_profile(&choice, tenant.as_ref(), cx) {
        Ok(profile) => profile,
        Err(failure) => {
            report.fail("profile", &failure);
            return report;
        }
    };
    report.profile.clone_from(&profile.name);
    report.ok(
        "profile",
        format!("{} ({})", profile.base.value.as_str(), profile.base.origin),
    );
    report.ok("token", profile.token.describe());
    proxy(&profile, &mut report, cx);
    match probe::ask(
        &profile,
        &crate::cli::options::ConnectionOptions::default(),
        cx,
    )
    .await
    {
        Ok(probe) => answered(&profile, &probe, &mut report),
        Err(failure) => report.fail(step_of(failure.exit), &failure),
    }
    report
}

fn proxy(profile: &Profile, report: &mut Report, cx: &Context) {
    let options = crate::cli::options::ConnectionOptions::default();
    match connection::decide(&options, profile, profile.base.value.url(), &cx.env) {
        Ok(connection) => match connection.proxy {
            Some(proxy) => report.ok("proxy", format!("{} ({})", proxy.shown(), proxy.origin)),
            None => report.ok("proxy", "none"),
        },
        Err(failure) => report.fail("proxy", &failure),
    }
}

/// The step that a failure belongs to, by its code.
fn step_of(exit: Exit) -> &'static str {
    match exit {
        Exit::Usage => "token",
        Exit::Lookup => "lookup",
        Exit::Connect => "connect",
        Exit::Tls | Exit::Certificate => "tls",
        _ => "answer",
    }
}

fn answered(profile: &Profile, probe: &Probe, report: &mut Report) {
    let millis = |moment: Duration| format!("{:.1} ms", moment.as_secs_f64() * 1000.0);
    let timings = &probe.timings;
    if let Some(lookup) = timings.lookup {
        report.ok("lookup", millis(lookup));
    }
    if let Some(connect) = timings.connect {
        report.ok(
            "connect",
            millis(connect.saturating_sub(timings.lookup.unwrap_or_default())),
        );
    }
    if let (Some(tls), Some(connect)) = (timings.tls, timings.connect) {
        let took = millis(tls.saturating_sub(connect));
        match probe.certificate {
            Some(left) if left < EXPIRES_SOON => report.warn(
                "tls",
                format!("{took}, the certificate ends in {}", days(left)),
                "tell whoever runs the endpoint: calls fail when it has ended",
            ),
            Some(left) => report.ok(
                "tls",
                format!("{took}, the certificate is trusted for {} more", days(left)),
            ),
            None => report.ok("tls", format!("{took}, the certificate is trusted")),
        }
    }
    report.ok(
        "answer",
        format!(
            "from Re:infer, HTTP/{}, as {}",
            probe.http_version, probe.user.username
        ),
    );
    let first_byte = timings.first_byte.unwrap_or(timings.total);
    match probe.server {
        Some(server) => report.ok(
            "time",
            format!(
                "server {server:.1} ms, network {:.1} ms",
                (record::millis(first_byte) - server).max(0.0)
            ),
        ),
        None => report.warn(
            "time",
            "Server-Timing is absent",
            "something on the way may have taken it out",
        ),
    }
    match probe.skew {
        Some(skew) if skew > TOLERATED_SKEW => report.warn(
            "clock",
            format!("{} s from the server's", skew.as_secs()),
            "set this machine's clock: certificates depend on it",
        ),
        Some(_) => report.ok("clock", "agrees with the server's"),
        None => report.warn("clock", "the server did not tell the time", ""),
    }
    permissions(profile, probe, report);
}

fn permissions(profile: &Profile, probe: &Probe, report: &mut Report) {
    let tenant = probe.user.of_tenant();
    if !tenant.is_empty() {
        report.ok("tenant", tenant.join(", "));
    }
    for (project, codes) in &probe.user.organisation_permissions {
        report.ok("project", format!("{project}: {}", codes.join(", ")));
    }
    if let Some(project) = &profile.project
        && probe.user.of_project(&project.value).is_empty()
    {
        let detail = format!(
            "no permission on {}, the profile's own ({})",
            project.value, project.origin
        );
        report.warn(
            "project",
            detail,
            "check its name, or ask an administrator for permissions",
        );
    }
}

fn page(report: &Report, theme: &Theme) -> String {
    let heading = theme.heading;
    let mut text = format!("{heading}{}{heading:#}\n", sanitise(&report.profile));
    for step in &report.steps {
        let style = match step.state {
            State::Ok => theme.ok,
            State::Warn => theme.hint,
            State::Fail => theme.error,
        };
        text.push_str(&format!(
            "  {style}{:<4}{style:#}  {:<8} {}\n",
            step.state.word(),
            step.name,
            sanitise(&step.detail)
        ));
        if !step.cure.is_empty() {
            text.push_str(&format!("                 → {}\n", sanitise(&step.cure)));
        }
    }
    text
}

fn as_json(report: &Report) -> Value {
    let steps = report.steps.iter().map(|step| {
        json!({"step": step.name, "state": step.state.word(), "detail": step.detail, "cure": step.cure})
    });
    json!({"profile": report.profile, "exit": report.exit.code(), "steps": steps.collect::<Vec<Value>>()})
}
