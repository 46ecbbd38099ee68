//! `rein timing`: the same read many times, and where its time goes.

use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use clap::ArgMatches;

use crate::cli::options::CallOptions;
use crate::cli::timing::{TimingArgs, TimingFormat};
use crate::commands::prepare::Given;
use crate::commands::reads::{self, Planned, Words};
use crate::demo::Tenant;
use crate::engine::report::Wanted;
use crate::engine::session::Session;
use crate::engine::timing::{Lane, Measurement};
use crate::engine::{Context, print, response};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::file::{self, PartFile, cannot_write};
use crate::output::progress::Meter;
use crate::output::record::{Attempts, Received, Record};
use crate::output::timing::{Report, Run, machine, page, table};
use crate::output::{junit, status};
use crate::plan::call::Plan;
use crate::plan::checks;
use crate::plan::delivery::Delivery;
use crate::plan::reads::refuse_shared_token;
use crate::plan::timing::{self, Pattern};
use crate::profile::Profile;
use crate::signal;
use crate::verdict::checks as verdict;

/// How wide a table is that no terminal shows.
const FILE_WIDTH: usize = 80;

/// Times a read.
///
/// # Errors
/// Fails (exit 2) before anything is sent, as a read did, and with 11 when a limit is exceeded.
pub(crate) fn run(args: &TimingArgs, matches: &ArgMatches, cx: &Context) -> Result<Exit> {
    let options = args.call_options()?;
    let wanted = Wanted {
        report: checks::report(&options.checks)?,
        ..Wanted::default()
    };
    let words = Words {
        words: &args.words,
        templates: &args.templates,
        options: &options,
        matches,
    };
    let given = words.given(args.profiles.len(), cx)?;
    let runtime = cx.runtime()?;
    let result = runtime.block_on(timed(args, &given, &wanted, cx));
    runtime.shutdown_background();
    result
}

/// Plans the read for every profile, measures, and reports.
async fn timed(
    args: &TimingArgs,
    given: &Given<'_>,
    wanted: &Wanted<'_>,
    cx: &Context,
) -> Result<Exit> {
    let (profiles, _tenants) = profiles(args, given.options, cx).await?;
    let pattern = Pattern::decide(args, profiles.len())?;
    let thresholds = timing::thresholds(args)?;
    let mut planned = Vec::new();
    for profile in &profiles {
        let mut read = reads::planned(given, profile, "only reads are repeated", cx)?;
        timing::repeat(&mut read.plan)?;
        planned.push(read);
    }
    if args.dry_run {
        return print(&reads::shown(&planned));
    }
    check_files(args, wanted)?;
    let (method, path) = planned
        .first()
        .map(|read| (read.plan.request.method.clone(), read.path.clone()))
        .unwrap_or_default();
    let lanes = lanes(planned, cx).await?;
    let meter = match args.silent {
        true => Meter::start(&cx.env, false),
        false => Meter::start_now(&cx.env),
    };
    let begun = SystemTime::now();
    let measurement = Measurement::new(lanes, pattern, meter);
    let ended = signal::unless_interrupted(measurement.run()).await;
    let run = Run {
        method,
        path,
        profiles: profiles
            .iter()
            .map(|profile| profile.name.clone())
            .collect(),
        reads: pattern.reads,
        warmup: pattern.warmup,
        jobs: pattern.jobs,
        connections: pattern.connections,
        samples: measurement.into_samples(),
        thresholds,
    };
    let report = Report::new(&run);
    let outcome = outcome(ended, &report);
    let is_measured = run.samples.iter().any(|sample| sample.error.is_none());
    let is_worth_showing = is_measured || report.counts().0 > 1;
    if is_worth_showing {
        show(args, &report, begun, cx)?;
    }
    write_junit(wanted, &report, begun, &outcome)?;
    outcome
}

/// Resolves the profiles, and starts the demo tenant where one of them is its.
async fn profiles(
    args: &TimingArgs,
    options: &CallOptions,
    cx: &Context,
) -> Result<(Vec<Profile>, Vec<Tenant>)> {
    let names: Vec<Option<&str>> = match args.profiles.as_slice() {
        [] => vec![None],
        names => names.iter().map(|name| Some(name.as_str())).collect(),
    };
    let (mut profiles, mut tenants) = (Vec::new(), Vec::new());
    for (at, name) in names.iter().enumerate() {
        if names[..at].contains(name) {
            return Err(Failure::unsent("--profiles names a profile twice"));
        }
        let (profile, tenant) = reads::profile(*name, options, cx).await?;
        profiles.push(profile);
        tenants.extend(tenant);
    }
    refuse_shared_token(&profiles, &cx.env)?;
    Ok((profiles, tenants))
}

/// Makes sure before anything is sent that the files can be written.
fn check_files(args: &TimingArgs, wanted: &Wanted<'_>) -> Result<()> {
    if let Some(html) = &args.html {
        file::check_replaceable(Path::new(html)).map_err(|error| {
            cannot_write(&html.to_string_lossy(), &error).fact("nothing was sent")
        })?;
    }
    response::check_files(&Delivery::default(), wanted)
}

/// Gets the tokens; nothing of the read has been sent then.
async fn lanes<'a>(planned: Vec<Planned<'a>>, cx: &'a Context) -> Result<Vec<Lane<'a>>> {
    let mut lanes = Vec::new();
    for read in planned {
        let Plan {
            request,
            sending,
            reading,
            ..
        } = read.plan;
        let session = Session::start(sending, Delivery::default(), &request, cx).await?;
        lanes.push(Lane {
            session,
            request,
            reading,
        });
    }
    Ok(lanes)
}

/// Returns how the command ends: interrupted, out of time, with failed reads, with a limit that is
/// exceeded, or well.
fn outcome(ended: Option<Result<()>>, report: &Report<'_>) -> Result<Exit> {
    let (reads, failed) = report.counts();
    let all = report.run.reads * report.groups.len();
    let so_far = format!(
        "{} of {all} {} made",
        status::counted(reads as u64, "read", "reads"),
        if reads == 1 { "was" } else { "were" }
    );
    match ended {
        None => return Err(Failure::new(Exit::Interrupted, "interrupted").fact(so_far)),
        Some(Err(failure)) if reads > failed || failure.exit == Exit::TimeOut => {
            return Err(failure.fact(so_far));
        }
        Some(Err(failure)) => return Err(failure),
        Some(Ok(())) => {}
    }
    let unmet = verdict::failure(&report.checks);
    let first = report
        .run
        .samples
        .iter()
        .find_map(|sample| sample.error.as_ref());
    let Some(first) = first else {
        return unmet.map_or(Ok(Exit::Ok), Err);
    };
    let failure = Failure::new(first.exit, format!("{failed} of {reads} reads failed"));
    let failure = report
        .error_lines()
        .into_iter()
        .fold(failure, Failure::fact);
    let facts = unmet.into_iter().flat_map(|unmet| unmet.facts);
    Err(facts.fold(failure, Failure::fact))
}

/// Prints the report, and writes the page.
fn show(args: &TimingArgs, report: &Report<'_>, begun: SystemTime, cx: &Context) -> Result<()> {
    if let Some(html) = &args.html {
        let page = page::render(report, &httpdate::fmt_http_date(begun));
        let path = Path::new(html);
        PartFile::create(path)
            .and_then(|mut part| {
                part.write_all(page.as_bytes())?;
                part.finish()
            })
            .map_err(|error| cannot_write(&html.to_string_lossy(), &error))?;
    }
    let text = match args.format {
        TimingFormat::Table => {
            let width = match cx.env.stdout_terminal {
                true => usize::from(cx.env.columns()),
                false => FILE_WIDTH,
            };
            table::render(report, &cx.stdout_theme, width)
        }
        TimingFormat::Json => machine::json(report),
        TimingFormat::Csv => machine::csv(report),
        TimingFormat::Ndjson => machine::ndjson(report),
    };
    print(&text)?;
    if args.format == TimingFormat::Csv {
        let notes = report.notes();
        let notes: Vec<String> = notes.iter().map(|note| format!("note: {note}")).collect();
        cx.notes(&notes);
    }
    Ok(())
}

/// Writes the report of the checks.
fn write_junit(
    wanted: &Wanted<'_>,
    report: &Report<'_>,
    begun: SystemTime,
    outcome: &Result<Exit>,
) -> Result<()> {
    let Some(file) = &wanted.report else {
        return Ok(());
    };
    let record = Record {
        attempts: Attempts {
            profile: report.groups.first().map(|group| group.profile.clone()),
            timings: Some(crate::exchange::timing::Timings {
                total: begun.elapsed().unwrap_or_default(),
                ..Default::default()
            }),
            ..Attempts::default()
        },
        received: Received {
            checks: report.checks.clone(),
            ..Received::default()
        },
    };
    let call = format!("{} {}", report.run.method, report.run.path);
    let text = junit::report(&call, &record, outcome.as_ref().map(|exit| *exit));
    std::fs::write(file, text).map_err(|error| cannot_write(&file.to_string_lossy(), &error))
}
