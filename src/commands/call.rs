//! `rein [METHOD] TARGET [ITEM]...`: one call from words to exit code.

use clap::ArgMatches;

use crate::cli::options::CallOptions;
use crate::cli::{CallArgs, Parsed};
use crate::commands::prepare::{self, Callee, Given, Prepared};
use crate::commands::{choose, notes};
use crate::console::stdout;
use crate::engine::report::Wanted;
use crate::engine::{self, CallEnd, Context, print, report, response};
use crate::error::{Failure, Result};
use crate::exchange::proxy::Proxy;
use crate::exit::Exit;
use crate::output::record::{Attempts, Record};
use crate::plan::call::Plan;
use crate::plan::delivery::Delivery;
use crate::plan::guard::Decision;
use crate::plan::{checks, delivery, preview, sending};
use crate::profile::resolve;
use crate::text::terminal::sanitise;

/// Makes a raw call.
///
/// # Errors
/// Fails with everything that keeps the call from being sent or its response from being written.
pub(crate) fn raw(parsed: &Parsed, cx: &Context) -> Result<Exit> {
    let call = &parsed.cli.raw;
    reported(&call.options, cx, |wanted| {
        let callee = Callee::raw(&call.words)?;
        let given = Given::new(callee, &call.options, &[], &parsed.matches);
        run(&given, wanted, cx)
    })
}

/// Makes a call by name.
///
/// # Errors
/// Fails as a raw call does, and when the name or an item is not known.
pub(crate) fn by_name(args: &CallArgs, matches: &ArgMatches, cx: &Context) -> Result<Exit> {
    let options = &args.options;
    reported(options, cx, |wanted| {
        if args.preflight && (options.safety.dry_run || options.safety.curl) {
            return Err(Failure::usage(
                "--preflight asks the server, but --dry-run and --curl send nothing",
            )
            .hint("leave out one of them"));
        }
        let callee = Callee::named(&args.name, &args.templates, options, cx)?;
        if args.preflight {
            let outcome = preflight(&callee, args, wanted, cx);
            return Ok(CallEnd::without_response(Attempts::default(), outcome));
        }
        run(
            &Given::new(callee, options, &args.items, matches),
            wanted,
            cx,
        )
    })
}

fn preflight(
    callee: &Callee<'_>,
    args: &CallArgs,
    wanted: &Wanted<'_>,
    cx: &Context,
) -> Result<Exit> {
    let Callee::Endpoint(endpoint) = callee else {
        return Err(Failure::usage(format!(
            "--preflight is not supported for {}: what it needs is not known",
            sanitise(&args.name)
        ))
        .fact("nothing was sent"));
    };
    response::check_files(&Delivery::decide(&args.options.output), wanted)?;
    super::preflight::run(endpoint, args, cx)
}

/// Does what a line asks for, and reports it where that is asked for, however it ends. Work that
/// fails before its profile is known has nothing to report but its failure.
fn reported(
    options: &CallOptions,
    cx: &Context,
    work: impl FnOnce(&Wanted<'_>) -> Result<CallEnd>,
) -> Result<Exit> {
    let output = &options.output;
    let mut wanted = Wanted {
        meta: output.meta.as_deref(),
        ..Wanted::default()
    };
    report::write_meta_on_signal(wanted.meta, &Record::default());
    let ended = wants(options, &mut wanted).and_then(|()| work(&wanted));
    let CallEnd { record, outcome } = ended
        .unwrap_or_else(|failure| CallEnd::without_response(Attempts::default(), Err(failure)));
    // What was piped in may have been meant for another option, and may be a token.
    if record.attempts.requests == 0 && output.format_is_piped() {
        wanted.write_out = None;
    }
    report::tell(&record, outcome, &wanted, cx)
}

/// Reads what is to report.
fn wants(options: &CallOptions, wanted: &mut Wanted<'_>) -> Result<()> {
    prepare::stdin_taken(options)?;
    if let Some(format) = &options.output.write_out {
        wanted.write_out = Some(delivery::write_out(format)?);
    }
    wanted.report = checks::report(&options.checks)?;
    Ok(())
}

/// Plans, guards and makes a call.
///
/// # Errors
/// Fails when no profile can be chosen.
fn run(given: &Given<'_>, wanted: &Wanted<'_>, cx: &Context) -> Result<CallEnd> {
    let runtime = cx.runtime()?;
    let result = runtime.block_on(planned(given, wanted, cx));
    // A name lookup that hangs would hold up a runtime that is dropped.
    runtime.shutdown_background();
    result
}

async fn planned(given: &Given<'_>, wanted: &Wanted<'_>, cx: &Context) -> Result<CallEnd> {
    let options = given.options;
    if options.output.safe_stdout {
        stdout::break_commands();
    }
    let sends = !options.safety.dry_run && !options.safety.curl;
    let mut profile = resolve::resolve(&choose::choice(&options.profile), &cx.env)?;
    let _tenant = if sends {
        choose::start_demo(&mut profile).await?
    } else {
        None
    };
    let prepared = match given.prepare(&profile, cx) {
        Ok(prepared) => prepared,
        Err(failure) => {
            let attempts = sending::of_profile(&profile);
            return Ok(CallEnd::without_response(attempts, Err(failure)));
        }
    };
    if let Some(outcome) = passed(&prepared, given, wanted, cx).transpose() {
        return Ok(CallEnd::without_response(prepared.attempts, outcome));
    }
    let plan = prepared.plan;
    let mut after = Vec::new();
    if !options.output.silent {
        cx.notes(&notes::before(&options.output));
        after.extend(notes::unread(&plan.request));
        after.extend(notes::forgotten(&profile, plan.classified.class));
    }
    let ended = engine::run(plan, cx).await;
    if let Ok(exit) = ended.outcome {
        for note in after.iter().filter(|note| note.holds(exit)) {
            cx.notes(&[note.text.to_owned()]);
        }
    }
    Ok(ended)
}

/// Lets the call pass, or shows it where it is not to be sent and returns the exit code.
///
/// # Errors
/// Fails when the call must not be sent.
fn passed(
    prepared: &Prepared<'_>,
    given: &Given<'_>,
    wanted: &Wanted<'_>,
    cx: &Context,
) -> Result<Option<Exit>> {
    let safety = &given.options.safety;
    let record = Record {
        attempts: prepared.attempts.clone(),
        ..Record::default()
    };
    report::write_meta_on_signal(wanted.meta, &record);
    let decision = prepared.decide(safety.confirm.as_deref(), cx)?;
    if safety.curl {
        return curl_line(&prepared.plan, given, &decision, cx).map(Some);
    }
    if safety.dry_run {
        return print(&prepared.preview(&decision)).map(Some);
    }
    response::check_files(&prepared.plan.delivery, wanted)?;
    prepared.pass(decision).map(|()| None)
}

/// Prints the curl line of a plan.
fn curl_line(
    plan: &Plan<'_>,
    given: &Given<'_>,
    decision: &Decision,
    cx: &Context,
) -> Result<Exit> {
    let proxy = plan.sending.connection.proxy.as_ref();
    if proxy.is_some_and(Proxy::has_user) {
        cx.notes(&[
            "note: the proxy's user and password are left out: add -U USER:PASSWORD".to_owned(),
        ]);
    }
    let profile = plan.sending.profile;
    let line = preview::curl(
        &plan.request,
        profile,
        &given.options.request,
        &given.options.connection,
        proxy,
    )?;
    if !given.options.output.silent {
        cx.notes(&preview::curl_notes(profile, &plan.classified, decision));
    }
    print(&line)
}
