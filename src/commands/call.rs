//! `rein [METHOD] TARGET [ITEM]...`: one call from words to exit code.

use std::ffi::OsString;

use clap::ArgMatches;

use crate::catalogue::user::UserTemplate;
use crate::catalogue::{self, Endpoint, Kind};
use crate::cli::options::{self, CallOptions, DataKind};
use crate::cli::{CallArgs, Parsed};
use crate::commands::{choose, confirm};
use crate::console::stdout;
use crate::engine::report::Wanted;
use crate::engine::{self, response};
use crate::engine::{Context, print, report, token_guard};
use crate::error::{Failure, Result};
use crate::exchange::proxy::Proxy;
use crate::exit::Exit;
use crate::input::{self, Input};
use crate::output::record::Record;
use crate::plan::call::Plan;
use crate::plan::checks;
use crate::plan::guard::Decision;
use crate::plan::preview;
use crate::plan::target::Filled;
use crate::plan::{self, Draft, target, template, user_template, words};
use crate::profile::known::KnownTokens;
use crate::profile::{Guard, Profile, file, resolve};
use crate::text::terminal::sanitise;

/// Makes a raw call.
///
/// # Errors
/// Fails with everything that keeps the call from being sent or its answer from being written.
pub(crate) fn raw(parsed: &Parsed, cx: &Context) -> Result<Exit> {
    let call = &parsed.cli.raw;
    reported(&call.options, cx, |record, wanted| {
        let words = words::split(&call.words, crate::cli::subcommand_names)?;
        let typed = Typed::of(&parsed.matches, &call.options, words.items.to_vec());
        run(typed, wanted, cx, record, |input, profile| {
            plan::raw(&words, &call.options.request, input, profile)
        })
    })
}

/// Makes a call by name.
///
/// # Errors
/// Fails as a raw call does, and when the name or an item is not known.
pub(crate) fn by_name(args: &CallArgs, matches: &ArgMatches, cx: &Context) -> Result<Exit> {
    reported(&args.options, cx, |record, wanted| {
        named(args, matches, wanted, cx, record)
    })
}

fn named(
    args: &CallArgs,
    matches: &ArgMatches,
    wanted: &Wanted<'_>,
    cx: &Context,
    record: &mut Record,
) -> Result<Exit> {
    let mut typed = Typed::of(matches, &args.options, args.items.clone());
    let request = &args.options.request;
    if args.preflight && (args.options.safety.dry_run || args.options.safety.curl) {
        return Err(Failure::usage(
            "--preflight asks the server, but --dry-run and --curl send nothing",
        )
        .hint("leave out one of them"));
    }
    if let Some(endpoint) = catalogue::by_name(&args.name) {
        file::templates_of(&args.templates, &cx.env)?;
        if args.preflight {
            response::check_files(&args.options.output, wanted)?;
            return super::preflight::run(endpoint, args, cx);
        }
        typed.move_files(endpoint);
        return run(typed, wanted, cx, record, |input, profile| {
            template::call(endpoint, request, input, profile)
        });
    }
    let own = file::templates(
        args.options.profile.config.as_deref(),
        &args.templates,
        &cx.env,
    )?;
    let template = own
        .iter()
        .find(|template| template.name == args.name)
        .ok_or_else(|| super::templates::unknown(&args.name, &own))?;
    if args.preflight {
        return Err(Failure::usage(format!(
            "--preflight is not supported for {}: what it needs is not known",
            sanitise(&template.name)
        ))
        .fact("nothing was sent"));
    }
    typed.template = Some(template.clone());
    run(typed, wanted, cx, record, |input, profile| {
        user_template::call(template, request, input, profile)
    })
}

/// What was typed, in the order that it was typed in.
struct Typed<'a> {
    options: &'a CallOptions,
    data: Vec<(DataKind, OsString)>,
    form: Vec<(bool, OsString)>,
    items: Vec<OsString>,
    /// The user's template that is called, if one is.
    template: Option<UserTemplate>,
}

impl<'a> Typed<'a> {
    fn of(matches: &ArgMatches, options: &'a CallOptions, items: Vec<OsString>) -> Self {
        let (data, form) = (
            options::data_in_order(matches),
            options::form_in_order(matches),
        );
        Typed {
            options,
            data,
            form,
            items,
            template: None,
        }
    }

    /// Makes `file=@FILE` a form's part where the endpoint takes a file: it need not be text.
    fn move_files(&mut self, endpoint: &Endpoint) {
        let files = endpoint
            .body_fields
            .iter()
            .filter(|field| field.kind == Kind::File);
        let starts: Vec<String> = files.map(|field| format!("{}=@", field.name)).collect();
        let is_file = |item: &OsString| {
            starts
                .iter()
                .any(|start| item.to_string_lossy().starts_with(start))
        };
        let (files, items): (Vec<OsString>, Vec<OsString>) =
            self.items.drain(..).partition(is_file);
        self.items = items;
        self.form
            .extend(files.into_iter().map(|file| (false, file)));
    }
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

/// Reads what is to be told.
fn wants(options: &CallOptions, wanted: &mut Wanted<'_>) -> Result<()> {
    stdin_taken(options)?;
    if let Some(format) = &options.output.write_out {
        wanted.write_out = Some(report::format(format)?);
    }
    wanted.report = checks::report(&options.checks)?;
    Ok(())
}

/// Plans, guards and makes a call.
fn run(
    typed: Typed<'_>,
    wanted: &Wanted<'_>,
    cx: &Context,
    record: &mut Record,
    plan: impl FnOnce(Input, &Profile) -> Result<Draft>,
) -> Result<Exit> {
    let runtime = cx.runtime()?;
    let result = runtime.block_on(planned(typed, wanted, cx, record, plan));
    // A name lookup that hangs would hold up a runtime that is dropped.
    runtime.shutdown_background();
    result
}

fn stdin_taken(options: &CallOptions) -> Result<bool> {
    let token_file = options.profile.token_file.as_deref();
    input::stdin_taken(token_file, options.output.write_out.as_deref())
}

async fn planned(
    typed: Typed<'_>,
    wanted: &Wanted<'_>,
    cx: &Context,
    record: &mut Record,
    plan: impl FnOnce(Input, &Profile) -> Result<Draft>,
) -> Result<Exit> {
    let options = typed.options;
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
    let input = input::gather(
        &options.request,
        typed.data,
        typed.form,
        &typed.items,
        stdin_taken(options)?,
    )?;
    let Draft { request, filled } = plan(input, &profile)?;
    let known = KnownTokens::gather(&profile.holders, &cx.env);
    let planned = Plan::new(
        request,
        &profile,
        options,
        typed.template.as_ref(),
        known,
        &cx.env,
    )?;
    record.class = Some(planned.classified.class.name());
    record.endpoint = planned.classified.endpoint.map(|endpoint| endpoint.name);
    record.method = planned.request.method.to_string();
    let known = &planned.known;
    known.teach(&mut record.redactor);
    record.url = record.redactor.url(&planned.request.url);
    record.path = target::below(&planned.request, &profile, &record.redactor);
    token_guard::refuse(&planned.request, known)?;
    token_guard::refuse_in_proxy(planned.connection.proxy.as_ref(), known)?;
    report::write_meta_on_signal(options.output.meta.as_deref(), record);
    guarded(planned, &filled, wanted, cx, record).await
}

/// Shows a planned call, or makes it when its guard lets it pass.
async fn guarded(
    planned: Plan<'_>,
    filled: &[Filled],
    wanted: &Wanted<'_>,
    cx: &Context,
    record: &mut Record,
) -> Result<Exit> {
    let Plan {
        request,
        profile,
        options,
        classified,
        judgement,
        ..
    } = &planned;
    let confirmed = options.safety.confirm.as_deref();
    let decision = confirm::decide(judgement, confirmed, cx);
    // A guard's refusal says more than the token's.
    if matches!(decision, Decision::Allow | Decision::Ask(_)) {
        judgement.check_token()?;
        planned.path.clone()?;
    }
    if options.safety.curl {
        let proxy = planned.connection.proxy.as_ref();
        if proxy.is_some_and(Proxy::has_user) {
            cx.notes(&[
                "note: the proxy's user and password are left out: add -U USER:PASSWORD".to_owned(),
            ]);
        }
        return print(&preview::curl(
            request,
            profile,
            &options.request,
            &options.connection,
            proxy,
        )?);
    }
    if options.safety.dry_run {
        let shown = preview::dry_run(&preview::Look {
            request,
            filled,
            classified,
            profile,
            decision: &decision,
            proxy: planned.connection.proxy.as_ref(),
        });
        return print(&record.redactor.clean(&shown));
    }
    response::check_files(&options.output, wanted)?;
    confirm::pass(decision, request, &record.path, classified, profile)?;
    engine::run(planned, cx, record).await
}
