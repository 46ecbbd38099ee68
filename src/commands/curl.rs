//! `rein curl ...`: runs the installed curl with what the profile knows.

use crate::cli::CurlCall;
use crate::cli::curl::{self, Role};
use crate::commands::{child, choose, confirm};
use crate::engine::{Context, print};
use crate::error::Result;
use crate::exit::Exit;
use crate::plan::curl::judge::Judged;
use crate::plan::curl::line::Word;
use crate::plan::target;
use crate::profile::known::KnownTokens;
use crate::profile::resolve;
use crate::secret::Redactor;

/// Runs a command line of curl.
///
/// # Errors
/// Fails (exit 2) on a line that cannot be judged, on another profile's URL, without a token and
/// without a curl; and (exit 9) when a guard refuses it.
pub(crate) fn run(call: &CurlCall, cx: &Context) -> Result<Exit> {
    child::refuse_a_loop(&cx.env)?;
    let line = curl::parse(call)?;
    let mut found = resolve::resolve_if_any(&choose::choice(&line.call.profile), &cx.env)?;
    let sends = !line.call.explain && !line.call.dry_run;
    if let (Ok(profile), true) = (&mut found.chosen, sends) {
        choose::serve_demo(profile, cx)?;
    }
    let mut judged = Judged::read(line, &found, &cx.env)?;
    let mut known = KnownTokens::gather(&found.holders, &cx.env);
    judged.refuse_tokens(&known)?;
    if judged.call.explain {
        let (text, lacking) = judged.native_line()?;
        cx.notes(&lacking);
        return print(&text);
    }
    let mut words = judged.words(&cx.env);
    if judged.call.dry_run {
        return print(&judged.dry_run(&words, cx.env.stdin_terminal && cx.env.stderr_terminal));
    }
    // -s silences notes, never a refusal.
    if !judged
        .items()
        .any(|item| item.role() == Role::Silent && item.is_on)
    {
        let notes = judged.notes.iter().map(|text| format!("note: {text}"));
        cx.notes(&notes.collect::<Vec<_>>());
    }
    let program = child::find(&cx.env).map_err(|failure| match judged.native_line() {
        Ok((native, _)) => failure.hint(format!("without curl: {}", native.trim_end())),
        Err(_) => failure,
    })?;
    if let Ok(profile) = &found.chosen {
        let requests = judged.transfers.iter().flat_map(|one| &one.requests);
        for (request, judgement) in requests {
            let decision = confirm::decide(judgement, judged.call.confirm.as_deref(), cx);
            let path = target::below(request, profile, &Redactor::default());
            confirm::pass(decision, request, &path, &judgement.classified, profile)?;
        }
        let missing = words.iter_mut().filter_map(|word| match word {
            Word::Secret(_, secret @ None) => Some(secret),
            _ => None,
        });
        let mut missing = missing.peekable();
        if missing.peek().is_some() {
            let token = choose::token_of(profile, cx)?;
            // One of a command's or a service's is known from here on.
            known.add_token(&token, &profile.name, &profile.base.value);
            judged.refuse_tokens(&known)?;
            missing.for_each(|secret| *secret = Some(token.secret.clone()));
        }
    }
    child::run(&program, &words, judged.has_own(), known.all(), &cx.env)
}
