//! `rein curl ...`: runs the installed curl with what the profile knows.

use crate::cli::CurlCall;
use crate::cli::curl;
use crate::cli::options::ConnectionOptions;
use crate::commands::{child, choose, confirm};
use crate::engine::token::{self, Freshness};
use crate::engine::{Context, print};
use crate::error::Result;
use crate::exit::Exit;
use crate::plan::curl::judge::Transfer;
use crate::plan::curl::line::Word;
use crate::plan::curl::{address, judge, line, preview};
use crate::plan::ownership::Profiles;
use crate::plan::{self, connection, sending, target};
use crate::profile::known::KnownTokens;
use crate::profile::{Profile, resolve};
use crate::secret::Redactor;
use crate::secret::source::Token;

/// Runs a command line of curl.
///
/// # Errors
/// Fails (exit 2) on a line that cannot be judged, on another profile's URL, without a token and
/// without a curl; and (exit 9) when a guard refuses it.
pub(crate) fn run(call: &CurlCall, cx: &Context) -> Result<Exit> {
    child::refuse_a_loop(&cx.env)?;
    let mut line = curl::parse(call)?;
    if matches!(&call.words[..], [word] if word == "-h" || word == "--help") {
        let mut command = crate::command();
        command.build();
        let help = command
            .find_subcommand_mut("curl")
            .map(clap::Command::render_help);
        return print(&help.map(|help| help.to_string()).unwrap_or_default());
    }
    let call = line.call.clone();
    let found = resolve::resolve_if_any(&choose::choice(&call.profile), &cx.env)?;
    let mut chosen = found.chosen;
    let sends = !call.explain && !call.dry_run;
    if let Some(profile) = chosen.as_mut().filter(|profile| sends && profile.is_demo()) {
        serve_demo(profile, cx)?;
    }
    let profiles = Profiles {
        chosen: chosen.as_ref(),
        all: &found.all,
        unknown: found.unknown.as_deref(),
    };
    address::fill(&mut line, profiles, &plan::vars(&call.var)?)?;
    let mut known = KnownTokens::gather(&found.holders, &cx.env);
    let transfers = judge::judged(line.transfers, profiles, &known, &cx.env)?;
    let native = || preview::native_line(&call, &transfers, profiles);
    if call.explain {
        let (text, lacking) = native()?;
        cx.notes(&lacking);
        return print(&text);
    }
    let mut words = line::line(&transfers, profiles.chosen, &cx.env, &mut line.notes);
    let can_ask = cx.env.stdin_terminal && cx.env.stderr_terminal;
    let confirmed = call.confirm.as_deref();
    if call.dry_run {
        return print(&preview::dry_run(
            &transfers, &words, profiles, confirmed, can_ask,
        ));
    }
    say(&line.notes, &transfers, cx);
    let program = child::find(&cx.env).map_err(|failure| match native() {
        Ok((native, _)) => failure.hint(format!("without curl: {}", native.trim_end())),
        Err(_) => failure,
    })?;
    if let Some(profile) = profiles.chosen {
        for (request, judgement) in transfers.iter().flat_map(|transfer| &transfer.requests) {
            let decision = judgement.decide(confirmed, can_ask);
            let path = target::below(request, profile, &Redactor::default());
            confirm::pass(decision, request, &path, &judgement.classified, profile)?;
        }
        let mut missing = words.iter_mut().filter_map(Word::missing).peekable();
        if missing.peek().is_some() {
            let token = obtain(profile, cx)?;
            // One of a command's or a service's is known from here on.
            known.add_token(&token, &profile.name, &profile.base.value);
            judge::refuse_known_tokens(&transfers, &known)?;
            missing.for_each(|secret| *secret = Some(token.secret.clone()));
        }
    }
    let is_own = transfers.iter().any(|transfer| transfer.is_own);
    child::run(&program, &words, is_own, &known.all(), &cx.env)
}

/// Starts the demo tenant, which serves on a thread of its own until this process ends.
fn serve_demo(profile: &mut Profile, cx: &Context) -> Result<()> {
    let runtime = cx.runtime()?;
    let tenant = runtime.block_on(choose::start_demo(profile))?;
    std::thread::spawn(move || {
        let _serving = tenant;
        runtime.block_on(std::future::pending::<()>());
    });
    Ok(())
}

/// Says what was filled or changed, unless the line has `-s`.
fn say(notes: &[String], transfers: &[Transfer], cx: &Context) {
    let mut items = transfers.iter().flat_map(|transfer| &transfer.items);
    if !items.any(|item| item.role() == "silent" && item.is_on) {
        let notes = notes.iter().map(|text| format!("note: {text}"));
        cx.notes(&notes.collect::<Vec<_>>());
    }
}

fn obtain(profile: &Profile, cx: &Context) -> Result<Token> {
    let options = ConnectionOptions::default();
    let limits = connection::limits(&options)?;
    let service = sending::token_service(&options, profile, &cx.env)?;
    let mut requests = 0;
    let token = token::obtain(
        profile,
        service.as_ref(),
        limits,
        Freshness::Kept,
        &mut requests,
        cx,
    );
    cx.runtime()?.block_on(token)
}
