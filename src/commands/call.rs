//! `rein [METHOD] TARGET [ITEM]...`: one call from words to exit code.

use clap::ArgMatches;

use crate::cli::options::CallOptions;
use crate::cli::{CallArgs, Parsed};
use crate::commands::prepare::{self, Callee, Given};
use crate::commands::{choose, confirm, notes};
use crate::console::stdout;
use crate::engine::report::Wanted;
use crate::engine::{self, Context, print, report, response};
use crate::error::{Failure, Result};
use crate::exchange::proxy::Proxy;
use crate::exit::Exit;
use crate::output::record::Record;
use crate::plan::call::Plan;
use crate::plan::delivery::Delivery;
use crate::plan::guard::Decision;
use crate::plan::target::Filled;
use crate::plan::{checks, delivery, preview, target};
use crate::profile::{Guard, resolve};
use crate::text::terminal::sanitise;

/// Makes a raw call.
///
/// # Errors
/// Fails with everything that keeps the call from being sent or its response from being written.
pub(crate) fn raw(parsed: &Parsed, cx: &Context) -> Result<Exit> {
    let call = &parsed.cli.raw;
    reported(&call.options, cx, |record, wanted| {
        let callee = Callee::raw(&call.words)?;
        let given = Given::new(callee, &call.options, &[], &parsed.matches);
        run(&given, wanted, cx, record)
    })
}

/// Makes a call by name.
///
/// # Errors
/// Fails as a raw call does, and when the name or an item is not known.
pub(crate) fn by_name(args: &CallArgs, matches: &ArgMatches, cx: &Context) -> Result<Exit> {
    let options = &args.options;
    reported(options, cx, |record, wanted| {
        if args.preflight && (options.safety.dry_run || options.safety.curl) {
            return Err(Failure::usage(
                "--preflight asks the server, but --dry-run and --curl send nothing",
            )
            .hint("leave out one of them"));
        }
        let callee = Callee::named(&args.name, &args.templates, options, cx)?;
        if args.preflight {
            return preflight(&callee, args, wanted, cx);
        }
        run(
            &Given::new(callee, options, &args.items, matches),
            wanted,
            cx,
            record,
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

/// Does what a line asks for, and tells about it where that is asked for, however it ends.
fn reported(
    options: &CallOptions,
    cx: &Context,
    work: impl FnOnce(&mut Record, &Wanted<'_>) -> Result<Exit>,
) -> Result<Exit> {
    let output = &options.output;
    let mut wanted = Wanted {
        meta: output.meta.as_deref(),
        ..Wanted::default()
    };
    let mut record = Record::default();
    report::write_meta_on_signal(wanted.meta, &record);
    let result = wants(options, &mut wanted).and_then(|()| work(&mut record, &wanted));
    // What was piped in may have been meant for another option, and may be a token.
    if record.requests == 0 && output.format_is_piped() {
        wanted.write_out = None;
    }
    report::tell(&record, result, &wanted, cx)
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
fn run(given: &Given<'_>, wanted: &Wanted<'_>, cx: &Context, record: &mut Record) -> Result<Exit> {
    let runtime = cx.runtime()?;
    let result = runtime.block_on(planned(given, wanted, cx, record));
    // A name lookup that hangs would hold up a runtime that is dropped.
    runtime.shutdown_background();
    result
}

async fn planned(
    given: &Given<'_>,
    wanted: &Wanted<'_>,
    cx: &Context,
    record: &mut Record,
) -> Result<Exit> {
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
    record.profile = Some(profile.name.clone());
    record.guarded = profile.guard.value != Guard::None;
    let mut draft = given.draft(&profile)?;
    let filled = std::mem::take(&mut draft.filled);
    let plan = given.plan(draft, &profile, cx)?;
    record.class = Some(plan.classified.class);
    record.endpoint = plan.classified.endpoint.map(|endpoint| endpoint.name);
    record.method = Some(plan.request.method.clone());
    plan.sending.known.teach(&mut record.redactor);
    record.url = record.redactor.url(&plan.request.url);
    record.path = target::below(&plan.request, &profile, &record.redactor);
    prepare::refuse_foreign_tokens(&plan)?;
    report::write_meta_on_signal(options.output.meta.as_deref(), record);
    guarded(plan, given, &filled, wanted, cx, record).await
}

/// Shows a planned call, or makes it when its guard lets it pass.
async fn guarded(
    plan: Plan<'_>,
    given: &Given<'_>,
    filled: &[Filled],
    wanted: &Wanted<'_>,
    cx: &Context,
    record: &mut Record,
) -> Result<Exit> {
    let Plan {
        request,
        sending,
        classified,
        judgement,
        ..
    } = &plan;
    let (options, profile) = (given.options, sending.profile);
    let proxy = sending.connection.proxy.as_ref();
    let confirmed = options.safety.confirm.as_deref();
    let decision = confirm::decide(judgement, confirmed, cx);
    // A guard's refusal says more than the token's.
    if matches!(decision, Decision::Allow | Decision::Ask(_)) {
        judgement.check_token()?;
        plan.path.clone()?;
    }
    if options.safety.curl {
        return curl_line(&plan, given, cx);
    }
    if options.safety.dry_run {
        let shown = preview::dry_run(&preview::Look {
            request,
            filled,
            classified,
            profile,
            decision: &decision,
            proxy,
        });
        return print(&record.redactor.clean(&shown));
    }
    response::check_files(&plan.delivery, wanted)?;
    confirm::pass(decision, request, &record.path, classified, profile)?;
    let mut after = Vec::new();
    if !options.output.silent {
        cx.notes(&notes::before(&options.output));
        after.extend(notes::unread(request));
        after.extend(notes::forgotten(profile, classified.class));
    }
    let exit = engine::run(plan, cx, record).await?;
    for note in after.iter().filter(|note| note.holds(exit)) {
        cx.notes(&[note.text.to_owned()]);
    }
    Ok(exit)
}

/// Prints the curl line of a plan.
fn curl_line(plan: &Plan<'_>, given: &Given<'_>, cx: &Context) -> Result<Exit> {
    let proxy = plan.sending.connection.proxy.as_ref();
    if proxy.is_some_and(Proxy::has_user) {
        cx.notes(&[
            "note: the proxy's user and password are left out: add -U USER:PASSWORD".to_owned(),
        ]);
    }
    print(&preview::curl(
        &plan.request,
        plan.sending.profile,
        &given.options.request,
        &given.options.connection,
        proxy,
    )?)
}
