//! `rein curl --dry-run` and `--explain`: what would run, and the raw call for the same request.

use std::ffi::OsString;

use url::Position;

use super::judge::Judged;
use super::line::Word;
use super::transfer::is_credential;
use crate::cli::curl::native::{self, Fate};
use crate::cli::curl::table::Role;
use crate::cli::curl::{Argument, Line};
use crate::error::{Failure, Result};
use crate::plan::ownership::{Judgement, Profiles};
use crate::plan::preview::{class_fact, cost_fact, guard_words};
use crate::request::{Header, Request, TypedCredential};
use crate::secret::Redactor;
use crate::text::terminal::sanitise;

/// Returns what `--dry-run` prints: each URL with its owners, class and guard, then the line.
pub(crate) fn dry_run(
    transfers: &[Judged],
    words: &[Word],
    profiles: Profiles<'_>,
    confirmed: Option<&str>,
    can_ask: bool,
) -> String {
    let mut text = String::new();
    for judged in transfers {
        for (request, judgement) in &judged.requests {
            let url = Redactor::default().url(&request.url);
            text.push_str(&format!("{} {}\n", request.method, sanitise(&url)));
            let mut facts = facts(judged, request, judgement, profiles);
            if let Some(profile) = profiles.chosen {
                let decision = judgement.decide(confirmed, can_ask);
                facts.push(("guard", guard_words(profile, &decision)));
                if judged.is_own && judged.transfer.credential == TypedCredential::Profile {
                    facts.push(("token", profile.token.describe()));
                }
            }
            for (name, value) in facts {
                text.push_str(&format!("  {name:<5}  {}\n", sanitise(&value)));
            }
        }
    }
    let shown: Vec<String> = words.iter().map(shown).collect();
    text.push_str(&format!("\ncurl {}\nnothing was sent\n", shown.join(" ")));
    text
}

fn facts(
    judged: &Judged,
    request: &Request,
    judgement: &Judgement,
    profiles: Profiles<'_>,
) -> Vec<(&'static str, String)> {
    let owners: Vec<&str> = judgement.owners.iter().map(|owner| &*owner.name).collect();
    let owner = match profiles.chosen {
        _ if !owners.is_empty() => owners.join(", "),
        Some(profile) if judged.is_own => profile.name.clone(),
        _ => "none of the profiles".to_owned(),
    };
    let mut facts = vec![("owner", owner)];
    if judged.is_own {
        facts.push(class_fact(&judgement.classified));
        facts.extend(cost_fact(&judgement.classified, request));
    }
    facts
}

fn shown(word: &Word) -> String {
    match word {
        Word::Plain(word) => {
            let word = Redactor::default().target(&word.to_string_lossy());
            shell_words::quote(&sanitise(&word)).into_owned()
        }
        Word::Token(None) => "-H \"Authorization: Bearer $REINFER_TOKEN\"".to_owned(),
        Word::Proxy(proxy) => {
            let proxy = Redactor::default().target(proxy.expose());
            format!("--proxy {}", shell_words::quote(&sanitise(&proxy)))
        }
        Word::Token(Some(_)) => "-H 'Authorization: Bearer (redacted)'".to_owned(),
    }
}

/// Returns the raw call for the same request, and a note for each option that it does not have.
///
/// # Errors
/// Fails (exit 2) when the line is not one transfer of one URL of the profile.
pub(crate) fn native_line(
    line: &Line,
    transfers: &[Judged],
    profiles: Profiles<'_>,
) -> Result<(String, Vec<String>)> {
    let ([judged], Some(profile)) = (transfers, profiles.chosen) else {
        return Err(no_raw_call());
    };
    let Some(url) = judged.own_url().filter(|_| judged.transfer.urls.len() == 1) else {
        return Err(no_raw_call());
    };
    let own = &line.call.profile;
    let text = |value: &Option<OsString>| Some(value.as_ref()?.to_string_lossy().into_owned());
    let mut words = vec!["rein".to_owned()];
    for (option, value) in [
        ("-p", own.profile.clone()),
        ("--project", own.project.clone()),
        ("--confirm", line.call.confirm.clone()),
        ("--token-file", text(&own.token_file)),
        ("--config", text(&own.config)),
        ("--endpoint", text(&own.endpoint)),
    ] {
        words.extend(value.map(|value| format!("{option} {}", shell_words::quote(&value))));
    }
    let mut lacking = Vec::new();
    let mut is_data = false;
    let is_type = |header: &Header| header.name.eq_ignore_ascii_case("content-type");
    let has_type = judged.transfer.headers.iter().any(is_type);
    for argument in &judged.transfer.arguments {
        is_data |= argument.role() == Role::Data && argument.name != "--json";
        words.extend(native_words(argument, &mut lacking));
    }
    if is_data && !has_type && judged.transfer.method != "GET" {
        // Data is JSON in a raw call unless it is said to be something else.
        words.push("-H 'Content-Type: application/x-www-form-urlencoded'".to_owned());
    }
    let whole = &url[Position::BeforePath..];
    let path = whole
        .strip_prefix(profile.base.value.path_prefix())
        .unwrap_or(whole);
    // A brace would be a placeholder's.
    let path = path.replace('{', "%7B").replace('}', "%7D");
    words.push(shell_words::quote(&path).into_owned());
    Ok((words.join(" ") + "\n", lacking))
}

fn no_raw_call() -> Failure {
    Failure::usage("there is no raw call for this line")
        .fact("a raw call is one request to one URL of the profile")
}

/// Returns an argument as a raw call has it.
fn native_words(argument: &Argument, lacking: &mut Vec<String>) -> Option<String> {
    // The credential is the profile's token, which a raw call sends by itself.
    if matches!(argument.role(), Role::Url | Role::Redirect) || is_credential(argument) {
        return None;
    }
    match native::fate(argument.option, argument.is_on) {
        Fate::Dropped => None,
        Fate::Kept => {
            let value = argument.value.as_ref().map(|_| argument.text());
            let value = value.map(|value| format!(" {}", shell_words::quote(&value)));
            Some(format!("{}{}", argument.name, value.unwrap_or_default()))
        }
        Fate::Lacking(way) => {
            let way = way.map(|way| format!("; {way}")).unwrap_or_default();
            lacking.push(format!(
                "note: a raw call does not have {}{way}",
                argument.name
            ));
            None
        }
    }
}
