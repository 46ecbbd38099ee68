//! `rein timing`: the same read many times, and where its time goes.

use std::io::Write;
use std::path::Path;
use std::time::SystemTime;

use clap::ArgMatches;

use crate::cli::options::CallOptions;
use crate::cli::timing::{TimingArgs, TimingFormat};
use crate::commands::prepare::{self, Callee, Given};
use crate::commands::{choose, confirm};
use crate::demo::Tenant;
use crate::engine::report::Wanted;
use crate::engine::session::Session;
use crate::engine::timing::{Lane, Measurement};
use crate::engine::{Context, print, response};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::file::{self, PartFile, cannot_write};
use crate::output::progress::Meter;
use crate::output::record::Record;
use crate::output::timing::{Report, Run, machine, page, table};
use crate::output::{junit, status};
use crate::plan::call::Plan;
use crate::plan::delivery::Delivery;
use crate::plan::timing::{self, Pattern};
use crate::plan::{checks, diff, preview, target};
use crate::profile::{Profile, resolve};
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
    let (callee, items) = Callee::read(&args.words, &args.templates, &options, cx)?;
    let mut given = Given::new(callee, &options, items, matches);
    if args.profiles.len() > 1 {
        given.refuse_stdin();
    }
    let runtime = cx.runtime()?;
    let result = runtime.block_on(timed(args, &options, &given, &wanted, cx));
    runtime.shutdown_background();
    result
}

/// Plans the read for every profile, measures, and reports.
async fn timed(
    args: &TimingArgs,
    options: &CallOptions,
    given: &Given<'_>,
    wanted: &Wanted<'_>,
    cx: &Context,
) -> Result<Exit> {
    let (profiles, _tenants) = profiles(args, options, cx).await?;
    let pattern = Pattern::decide(args, profiles.len())?;
    let thresholds = timing::thresholds(args)?;
    let mut shown = String::new();
    let mut plans = Vec::new();
    for profile in &profiles {
        plans.push(planned(given, profile, &mut shown, cx)?);
    }
    if args.dry_run {
        return print(&shown);
    }
    check_files(args, wanted)?;
    let (method, path) = plans
        .first()
        .map(|plan| (plan.request.method.to_string(), template_path(plan)))
        .unwrap_or_default();
    let lanes = lanes(plans, cx).await?;
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
    let choice = choose::choice(&options.profile);
    let mut profiles = Vec::new();
    if args.profiles.is_empty() {
        profiles.push(resolve::resolve(&choice, &cx.env)?);
    }
    for name in &args.profiles {
        if profiles.iter().any(|known: &Profile| known.name == *name) {
            return Err(Failure::usage("--profiles names a profile twice"));
        }
        let choice = resolve::Choice {
            profile: Some(name),
            ..choice
        };
        profiles.push(resolve::resolve(&choice, &cx.env)?);
    }
    for (at, profile) in profiles.iter().enumerate() {
        for other in &profiles[at + 1..] {
            diff::refuse_shared_token([profile, other], &cx.env)?;
        }
    }
    let mut tenants = Vec::new();
    if !args.dry_run {
        for profile in &mut profiles {
            tenants.extend(choose::start_demo(profile).await?);
        }
    }
    Ok((profiles, tenants))
}

/// Plans the read of a profile, and adds what `--dry-run` shows of it.
fn planned<'p>(
    given: &Given<'_>,
    profile: &'p Profile,
    shown: &mut String,
    cx: &Context,
) -> Result<Plan<'p>> {
    let mut draft = given.draft(profile)?;
    let filled = std::mem::take(&mut draft.filled);
    let mut plan = given.plan(draft, profile, cx)?;
    prepare::refuse_foreign_tokens(&plan)?;
    let decision = confirm::decide(&plan.judgement, None, cx);
    timing::only_reads(&mut plan, &decision)?;
    plan.judgement.check_token()?;
    plan.path.clone()?;
    let mut redactor = crate::secret::Redactor::default();
    plan.sending.known.teach(&mut redactor);
    shown.push_str(&redactor.clean(&preview::dry_run(&preview::Look {
        request: &plan.request,
        filled: &filled,
        classified: &plan.classified,
        profile,
        decision: &decision,
        proxy: plan.sending.connection.proxy.as_ref(),
    })));
    Ok(plan)
}

/// Returns the path of a plan's request without what must not be shown.
fn template_path(plan: &Plan<'_>) -> String {
    let mut redactor = crate::secret::Redactor::default();
    plan.sending.known.teach(&mut redactor);
    target::below(&plan.request, plan.sending.profile, &redactor)
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
async fn lanes<'a>(plans: Vec<Plan<'a>>, cx: &'a Context) -> Result<Vec<Lane<'a>>> {
    let mut lanes = Vec::new();
    for plan in plans {
        let Plan {
            request,
            sending,
            reading,
            ..
        } = plan;
        let mut record = Record::default();
        let session =
            Session::start(sending, Delivery::default(), &request, &mut record, cx).await?;
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
        "{} of {all} were made",
        status::counted(reads as u64, "read", "reads")
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
    let errors = || report.groups.iter().flat_map(|group| &group.errors);
    let first = report
        .run
        .samples
        .iter()
        .find_map(|sample| sample.error.as_ref());
    let Some(first) = first else {
        return unmet.map_or(Ok(Exit::Ok), Err);
    };
    let failure = Failure::new(first.exit, format!("{failed} of {reads} reads failed"));
    let failure = errors().fold(failure, |failure, (error, count)| {
        failure.fact(format!("{count} × {}", error.headline))
    });
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
        profile: report.groups.first().map(|group| group.profile.clone()),
        method: report.run.method.clone(),
        path: report.run.path.clone(),
        checks: report.checks.clone(),
        timings: Some(crate::exchange::timing::Timings {
            total: begun.elapsed().unwrap_or_default(),
            ..Default::default()
        }),
        ..Record::default()
    };
    let text = junit::report(&record, outcome.as_ref().map(|exit| *exit));
    std::fs::write(file, text).map_err(|error| cannot_write(&file.to_string_lossy(), &error))
}
