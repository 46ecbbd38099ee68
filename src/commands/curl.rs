//! `rein curl ...`: runs the installed curl with what the profile knows.

use crate::cli::CurlCall;
use crate::cli::curl::table::Role;
use crate::cli::curl::{self, Line};
use crate::cli::options::ConnectionOptions;
use crate::commands::child::{self, Run};
use crate::commands::{choose, confirm};
use crate::engine::token::{self, Freshness};
use crate::engine::{Context, print};
use crate::env::Env;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::plan::curl::judge::{Judged, all_judged};
use crate::plan::curl::line::{self, Word};
use crate::plan::curl::preview;
use crate::plan::curl::transfer::transfers;
use crate::plan::ownership::Profiles;
use crate::plan::{self, connection, sending, target};
use crate::profile::known::{KnownTokens, not_for};
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
    if let [word] = call.words.as_slice()
        && (word == "-h" || word == "--help")
    {
        return help();
    }
    let runtime = cx.runtime()?;
    let result = runtime.block_on(called(&line, cx));
    // A name lookup that hangs would hold up a runtime that is dropped.
    runtime.shutdown_background();
    result
}

fn help() -> Result<Exit> {
    let mut command = crate::command();
    command.build();
    match command.find_subcommand_mut("curl") {
        Some(curl) => print(&curl.render_help().to_string()),
        None => Ok(Exit::Ok),
    }
}

async fn called(line: &Line, cx: &Context) -> Result<Exit> {
    let call = &line.call;
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
    let mut notes: Vec<String> = line.changed.iter().map(|&text| text.to_owned()).collect();
    let transfers = transfers(line, profiles, &plan::vars(&call.var)?, &mut notes)?;
    let transfers = all_judged(transfers, profiles)?;
    let known = KnownTokens::gather(&found.holders, &cx.env);
    refuse_known_tokens(&transfers, &known)?;
    if call.explain {
        let (text, lacking) = preview::native_line(line, &transfers, profiles)?;
        cx.notes(&lacking);
        return print(&text);
    }
    let words = line::line(&transfers, profiles.chosen, &mut notes);
    let can_ask = cx.env.stdin_terminal && cx.env.stderr_terminal;
    let confirmed = call.confirm.as_deref();
    if call.dry_run {
        let text = preview::dry_run(&transfers, &words, profiles, confirmed, can_ask);
        return print(&text);
    }
    if !line.has(Role::Silent) {
        let notes: Vec<String> = notes.iter().map(|text| format!("note: {text}")).collect();
        cx.notes(&notes);
    }
    let curl = child::find(&cx.env).map_err(|failure| {
        match preview::native_line(line, &transfers, profiles) {
            Ok((native, _)) => failure.hint(format!("without curl: {}", native.trim_end())),
            Err(_) => failure,
        }
    })?;
    for (request, judgement) in transfers.iter().flat_map(|judged| &judged.requests) {
        if let Some(profile) = profiles.chosen {
            let decision = judgement.decide(confirmed, can_ask);
            let path = target::below(request, profile, &Redactor::default());
            confirm::pass(decision, request, &path, &judgement.classified, profile)?;
        }
    }
    let needs_token = words.contains(&Word::Token(None));
    let token = match profiles.chosen.filter(|_| needs_token) {
        Some(profile) => Some(obtain(profile, cx).await?),
        None => None,
    };
    let is_own = transfers.iter().any(|judged| judged.is_own);
    let run = Run {
        curl,
        words: on_a_terminal(words, line, is_own, cx),
        token,
        is_own,
        withheld: holding_tokens(&known, &cx.env),
    };
    let env = cx.env.clone();
    // The demo tenant answers meanwhile.
    tokio::task::spawn_blocking(move || child::run(&run, &env))
        .await
        .unwrap_or_else(|_| Err(Failure::local("curl could not be run")))
}

/// Refuses arguments that hold a token which is not for the URLs of their transfer.
fn refuse_known_tokens(transfers: &[Judged], known: &KnownTokens) -> Result<()> {
    for judged in transfers {
        let foreign = match judged.own_url() {
            Some(url) => known.foreign_to(url),
            None => known.all(),
        };
        for argument in &judged.transfer.arguments {
            // A proxy is nobody's endpoint.
            let finder = match argument.role() {
                Role::Proxy | Role::ProxyHeader => &known.all(),
                _ => &foreign,
            };
            let text = argument.value.as_deref().unwrap_or_default();
            // An option that the table does not have is a name and its value.
            let found = finder.find(text.as_encoded_bytes());
            if let Some(source) = found.or_else(|| finder.find(argument.name.as_bytes())) {
                return Err(not_for(source, "this URL")
                    .fact("nothing was sent")
                    .hint("leave the token out, or call the endpoint that it is for"));
            }
        }
    }
    Ok(())
}

/// Returns the variables that hold a token: curl gets the token in another way, or not at all.
fn holding_tokens(known: &KnownTokens, env: &Env) -> Vec<String> {
    let tokens = known.all();
    let all = env.beginning_with("").into_iter();
    let holding = all.filter(|(_, value)| tokens.find(value.as_bytes()).is_some());
    holding.map(|(name, _)| name.to_owned()).collect()
}

async fn obtain(profile: &Profile, cx: &Context) -> Result<Secret> {
    let options = ConnectionOptions::default();
    let limits = connection::limits(&options)?;
    let service = sending::token_service(&options, profile, &cx.env)?;
    let kept = Freshness::Kept;
    let token = token::obtain(profile, service.as_ref(), limits, kept, &mut 0, cx).await?;
    Ok(token.secret)
}

/// curl shows its progress meter when its output is no terminal, which here is a pipe to this
/// process and then one.
fn on_a_terminal(mut words: Vec<Word>, line: &Line, is_own: bool, cx: &Context) -> Vec<Word> {
    if cx.env.stdout_terminal && is_own && !line.has(Role::Silent) && !line.has(Role::Output) {
        let options = ["--no-progress-meter", "--no-buffer"].map(Word::plain);
        words.splice(1..1, options);
    }
    words
}
