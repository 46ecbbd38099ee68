//! `rein curl ...`: runs the installed curl with what the profile knows.

use crate::cli::CurlCall;
use crate::cli::curl::{self, Line};
use crate::cli::options::ConnectionOptions;
use crate::commands::{child, choose, confirm};
use crate::engine::token::{self, Freshness};
use crate::engine::{Context, print};
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::plan::curl::judge::Transfer;
use crate::plan::curl::line::Word;
use crate::plan::curl::{address, judge, line, preview};
use crate::plan::ownership::Profiles;
use crate::plan::{self, connection, sending, target};
use crate::profile::known::KnownTokens;
use crate::profile::{Profile, resolve};
use crate::secret::{Redactor, Secret};

/// Runs a command line of curl.
///
/// # Errors
/// Fails (exit 2) on a line that cannot be judged, on another profile's URL, without a token and
/// without a curl; and (exit 9) when a guard refuses it.
pub(crate) fn run(call: &CurlCall, cx: &Context) -> Result<Exit> {
    child::refuse_a_loop(&cx.env)?;
    let line = curl::parse(call)?;
    if matches!(&call.words[..], [word] if word == "-h" || word == "--help") {
        let mut command = crate::command();
        command.build();
        let help = command
            .find_subcommand_mut("curl")
            .map(clap::Command::render_help);
        return print(&help.map(|help| help.to_string()).unwrap_or_default());
    }
    let runtime = cx.runtime()?;
    let result = runtime.block_on(called(line, cx));
    // A name lookup that hangs would hold up a runtime that is dropped.
    runtime.shutdown_background();
    result
}

async fn called(mut line: Line, cx: &Context) -> Result<Exit> {
    let call = line.call.clone();
    let found = resolve::resolve_if_any(&choose::choice(&call.profile), &cx.env)?;
    let mut chosen = found.chosen;
    let sends = !call.explain && !call.dry_run;
    let _tenant = match chosen.as_mut().filter(|_| sends) {
        Some(profile) => choose::start_demo(profile).await?,
        None => None,
    };
    let profiles = Profiles {
        chosen: chosen.as_ref(),
        all: &found.all,
        unknown: found.unknown.as_deref(),
    };
    address::fill(&mut line, profiles, &plan::vars(&call.var)?)?;
    let known = KnownTokens::gather(&found.holders, &cx.env);
    let transfers = judge::judged(line.transfers, profiles, &known, &cx.env)?;
    let native = || preview::native_line(&call, &transfers, profiles);
    if call.explain {
        let (text, lacking) = native()?;
        cx.notes(&lacking);
        return print(&text);
    }
    let words = line::line(&transfers, profiles.chosen, &cx.env, &mut line.notes);
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
    let mut token = None;
    if let Some(profile) = profiles.chosen {
        for (request, judgement) in transfers.iter().flat_map(|transfer| &transfer.requests) {
            let decision = judgement.decide(confirmed, can_ask);
            let path = target::below(request, profile, &Redactor::default());
            confirm::pass(decision, request, &path, &judgement.classified, profile)?;
        }
        let is_token = |word: &Word| matches!(word, Word::Secret(_, None));
        if words.iter().any(is_token) {
            token = Some(obtain(profile, cx).await?);
        }
    }
    let run = child::Run {
        program,
        words,
        token,
        is_own: transfers.iter().any(|transfer| transfer.is_own),
        tokens: known.all(),
    };
    let env = cx.env.clone();
    // On another thread, because the demo tenant serves on this one.
    tokio::task::spawn_blocking(move || child::run(&run, &env))
        .await
        .unwrap_or_else(|_| Err(Failure::local("curl could not be run")))
}

/// Says what was filled or changed, unless the line has `-s`.
fn say(notes: &[String], transfers: &[Transfer], cx: &Context) {
    let mut items = transfers.iter().flat_map(|transfer| &transfer.items);
    if !items.any(|item| item.role() == "silent" && item.is_on) {
        let notes = notes.iter().map(|text| format!("note: {text}"));
        cx.notes(&notes.collect::<Vec<_>>());
    }
}

async fn obtain(profile: &Profile, cx: &Context) -> Result<Secret> {
    let options = ConnectionOptions::default();
    let limits = connection::limits(&options)?;
    let service = sending::token_service(&options, profile, &cx.env)?;
    let kept = Freshness::Kept;
    let token = token::obtain(profile, service.as_ref(), limits, kept, &mut 0, cx).await?;
    Ok(token.secret)
}
