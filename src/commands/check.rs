//! `rein profile check`: makes each step of a first call and says what to do where one fails.

use std::time::{Duration, SystemTime};

use crate::catalogue::permissions;
use crate::cli::options::ConnectionOptions;
use crate::cli::{CheckArgs, ListFormat};
use crate::commands::choose;
use crate::commands::findings::{self, Report};
use crate::commands::probe::{self, Probe, Trace};
use crate::engine::{Context, print};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::record;
use crate::plan::connection;
use crate::profile::resolve::{self, Choice};
use crate::profile::{Profile, file};
use crate::secret::source::{Stored, TokenSource};
use crate::verdict::certificates::{self, State as Found};

/// Clocks further apart than this make certificates and tokens fail in ways that are hard to see.
const TOLERATED_SKEW: Duration = Duration::from_secs(60);

/// Checks one profile, or all of them, with GETs alone.
///
/// # Errors
/// Fails when nothing can be printed; what is wrong with a profile is in the report and the code.
pub(crate) fn run(args: &CheckArgs, cx: &Context) -> Result<Exit> {
    let choice = choose::choice(&args.options);
    let options = ConnectionOptions {
        max_time: Some(args.max_time.clone()),
        ..ConnectionOptions::default()
    };
    connection::limits(&options)?;
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
            reports.push(check(choice, &options, cx).await);
        }
        for name in &names {
            reports.push(
                check(
                    Choice {
                        profile: Some(name),
                        ..choice
                    },
                    &options,
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
            .map(|report| findings::page(report, &cx.stdout_theme, cx.width()))
            .collect::<Vec<_>>()
            .join("\n"),
        ListFormat::Json => findings::json(&reports),
    };
    print(&text)?;
    Ok(reports
        .iter()
        .map(|report| report.exit)
        .find(|exit| *exit != Exit::Ok)
        .unwrap_or(Exit::Ok))
}

async fn check(choice: Choice<'_>, options: &ConnectionOptions, cx: &Context) -> Report {
    let mut report = Report::new(choice.profile.unwrap_or("(chosen by default)"));
    let profile = resolve::resolve(&choice, &cx.env);
    if !profile.as_ref().is_ok_and(Profile::is_demo)
        && !configuration(choice, profile.is_ok(), &mut report, cx)
    {
        return report;
    }
    let mut profile = match profile {
        Ok(profile) => profile,
        Err(failure) => {
            let cure = "rein profile list shows what there is, rein config check what is wrong";
            report.fail("profile", &failure, cure);
            return report;
        }
    };
    report.profile.clone_from(&profile.name);
    let _tenant = match choose::start_demo(&mut profile).await {
        Ok(tenant) => tenant,
        Err(failure) => {
            report.fail("demo", &failure, "retry, or keep one running: rein demo");
            return report;
        }
    };
    report.ok(
        "profile",
        format!("{} ({})", profile.base.value.as_str(), profile.base.origin),
    );
    if !proxy(&profile, options, &mut report, cx) {
        return report;
    }
    let mut trace = Trace::default();
    let result = probe::ask(&profile, options, &mut trace, cx).await;
    if let Some(source) = &trace.token {
        report.ok("token", source);
    }
    on_the_way(&trace, &mut report);
    if let Err(failure) = &result {
        let (step, cure) = match trace.token {
            Some(_) => (step_of(failure.exit), cure(failure.exit)),
            None => ("token", token_cure(&profile)),
        };
        report.fail(step, failure, cure);
    }
    certificates(&trace, result.is_ok(), &mut report);
    if let Ok(probe) = &result {
        note_response(&profile, probe, &trace, &mut report);
    }
    report
}

/// Reports the config file. Returns whether there is more to check.
fn configuration(choice: Choice<'_>, is_chosen: bool, report: &mut Report, cx: &Context) -> bool {
    match (
        file::path(choice.config, &cx.env),
        file::load(choice.config, &cx.env),
    ) {
        // The environment alone says enough, and the file does not matter.
        (_, Err(failure)) if is_chosen => {
            report.warn(
                "file",
                failure.headline,
                "see what is wrong: rein config check",
            );
        }
        (_, Err(failure)) => {
            report.fail("file", &failure, "see what is wrong: rein config check");
            return false;
        }
        (Some(path), Ok(_)) if path.exists() => report.ok("file", path.display().to_string()),
        _ => report.ok("file", "none: the environment alone"),
    }
    true
}

/// Reports the proxy. Returns whether it can be used.
fn proxy(
    profile: &Profile,
    options: &ConnectionOptions,
    report: &mut Report,
    cx: &Context,
) -> bool {
    match connection::decide(options, profile, profile.base.value.url(), &cx.env) {
        Ok(connection) => match connection.proxy {
            Some(proxy) => report.ok("proxy", format!("{} ({})", proxy.shown(), proxy.origin)),
            None => report.ok("proxy", "none"),
        },
        Err(failure) => {
            report.fail("proxy", &failure, "check the proxy's address");
            return false;
        }
    }
    true
}

/// The step that a failure belongs to once the token has been read, by its code.
fn step_of(exit: Exit) -> &'static str {
    match exit {
        Exit::Lookup => "lookup",
        Exit::Usage | Exit::Connect => "connect",
        Exit::Tls | Exit::Certificate => "tls",
        _ => "response",
    }
}

/// What to do about a failure whose own words give no advice.
fn cure(exit: Exit) -> &'static str {
    match exit {
        Exit::Connect => "check host and port of the endpoint, the VPN, firewalls and any proxy",
        Exit::Tls => "check that the endpoint's port is one for https, and any proxy on the way",
        Exit::TimeOut => {
            "retry; then report it to whoever runs the endpoint or the network on the way"
        }
        Exit::EmptyReply | Exit::Receive | Exit::Incomplete | Exit::Coding => {
            "check host and port of the endpoint: another service may be listening there, or a proxy may be in the way"
        }
        Exit::Platform => {
            "the platform failed, not this machine: retry, then report it to its support"
        }
        Exit::Caller => "ask an administrator what this token may do",
        _ => "check the endpoint: rein profile show",
    }
}

/// What to do about a token that cannot be had.
fn token_cure(profile: &Profile) -> &'static str {
    match &profile.token {
        TokenSource::Stored(Stored::Command(_)) => {
            "run the command by hand: it must print the token and end with 0"
        }
        TokenSource::OAuth(_) => "check token_url, client_id and the client's secret",
        _ => "rein profile show says where the token is to come from",
    }
}

fn millis(moment: Duration) -> String {
    format!("{:.1} ms", moment.as_secs_f64() * 1000.0)
}

/// Reports what was reached, whether or not a response came in the end.
fn on_the_way(trace: &Trace, report: &mut Report) {
    let timings = &trace.timings;
    if let Some(lookup) = timings.lookup {
        report.ok("lookup", millis(lookup));
    }
    if let Some(connect) = timings.connect {
        let connecting = connect.saturating_sub(timings.lookup.unwrap_or_default());
        report.ok("connect", millis(connecting));
    }
    if let (Some(tls), Some(connect)) = (timings.tls, timings.connect) {
        report.ok("tls", millis(tls.saturating_sub(connect)));
    }
}

/// Reports every certificate that the server sent.
fn certificates(trace: &Trace, trusted: bool, report: &mut Report) {
    const TELL: &str = "report it to whoever runs the endpoint: calls fail when it has ended";
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    for found in certificates::judge(&trace.certificate_log.shown(), now) {
        let whose = format!("{}, issued by {}", found.subject, found.issuer);
        let (detail, cure) = match &found.state {
            Found::Valid(days) => {
                report.ok("certificate", format!("{whose}, {} left", days_text(*days)));
                continue;
            }
            Found::EndsSoon(days) => {
                let detail = format!("{whose}, only {} left", days_text(*days));
                report.warn("certificate", detail, TELL);
                continue;
            }
            // Servers send more than is needed; what is not part of the trusted path does no harm.
            Found::Ended(days) if trusted => {
                let detail = format!("{whose}, ended {} ago and is not needed", days_text(*days));
                report.warn("certificate", detail, "");
                continue;
            }
            Found::Ended(days) => (
                format!("ended {} ago", days_text(*days)),
                "report it to whoever runs the endpoint",
            ),
            Found::NotBegun(days) => (
                format!("begins in {}", days_text(*days)),
                "set this machine's clock, or report it to whoever runs the endpoint",
            ),
            Found::Untrusted { by_itself: true } => (
                "signed by itself and not trusted here".to_owned(),
                "trust it with ca_file in the profile, or --cacert FILE, if it is your company's",
            ),
            Found::Untrusted { by_itself: false } => (
                "whose issuer was not sent and is not trusted here".to_owned(),
                "trust the issuer with ca_file in the profile, or --cacert FILE",
            ),
            Found::WrongName(names) => (
                format!("only for {}", names.join(", ")),
                "check the endpoint's spelling",
            ),
            Found::Refused(why) => ((*why).to_owned(), ""),
        };
        report.broken("certificate", format!("{whose}, {detail}"), cure);
    }
}

/// Says how long a time is, as roughly as one says it.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        ..120 => (seconds, "s"),
        120..7200 => (seconds / 60, "min"),
        7200..172_800 => (seconds / 3600, "hours"),
        172_800..63_072_000 => (seconds / 86_400, "days"),
        _ => (seconds / 31_536_000, "years"),
    };
    format!("{count} {unit}")
}

fn days_text(days: u64) -> String {
    match days {
        0 => "less than a day".to_owned(),
        1 => "1 day".to_owned(),
        _ => format!("{days} days"),
    }
}

fn note_response(profile: &Profile, probe: &Probe, trace: &Trace, report: &mut Report) {
    let timings = &trace.timings;
    report.ok(
        "response",
        format!(
            "from Re:infer, HTTP/{}, as {}",
            probe.http_version,
            match probe.user.username.as_str() {
                "" => "a user without a name",
                name => name,
            }
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
            format!("{} from the server's", span(skew)),
            "set this machine's clock: certificates depend on it",
        ),
        Some(_) => report.ok("clock", "agrees with the server's"),
        None => report.warn("clock", "the server sent no Date header", ""),
    }
    permissions(profile, probe, report);
}

fn permissions(profile: &Profile, probe: &Probe, report: &mut Report) {
    let user = &probe.user;
    let of_tenant = user.of_tenant();
    report.permissions = user
        .organisation_permissions
        .keys()
        .map(|project| {
            let held = permissions::table(&user.of_project(project), &of_tenant);
            (project.clone(), held)
        })
        .collect();
    if let Some(project) = &profile.project {
        let detail = format!("{} ({})", project.value, project.origin);
        if user.of_project(&project.value).is_empty() && of_tenant.is_empty() {
            report.warn(
                "project",
                format!("no permission on {detail}"),
                "check its name, or ask an administrator for permissions",
            );
        } else {
            report.ok("project", detail);
        }
        report.own = Some(project.value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_told_in_one_unit() {
        for (seconds, text) in [
            (61, "61 s"),
            (120, "2 min"),
            (7199, "119 min"),
            (7200, "2 hours"),
            (172_800, "2 days"),
            (817_395_798, "25 years"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
    }
}
