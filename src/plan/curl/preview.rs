//! `rein curl --dry-run` and `--explain`: what would run, and the raw call for the same request.

use std::ffi::OsStr;

use clap::Args;
use url::Position;

use super::judge::Transfer;
use super::line::Word;
use super::request::{authorization, header};
use crate::cli::curl::Item;
use crate::cli::harmless::Native;
use crate::cli::{CurlCall, RawCall, hoist};
use crate::error::{Failure, Result};
use crate::plan::ownership::Profiles;
use crate::plan::preview::{class_fact, cost_fact, guard_words};
use crate::request::{Header, TypedCredential};
use crate::secret::Redactor;
use crate::text::terminal::sanitise;

/// Returns what `--dry-run` prints: each URL with its owners, class and guard, then the line.
pub(crate) fn dry_run(
    transfers: &[Transfer],
    words: &[Word],
    profiles: Profiles<'_>,
    confirmed: Option<&str>,
    can_ask: bool,
) -> String {
    let mut text = String::new();
    for transfer in transfers {
        for (request, judgement) in &transfer.requests {
            let url = Redactor::default().url(&request.url);
            text.push_str(&format!("{} {}\n", request.method, sanitise(&url)));
            let owners: Vec<&str> = judgement.owners.iter().map(|owner| &*owner.name).collect();
            let mut facts = vec![(
                "owner",
                match profiles.chosen {
                    _ if !owners.is_empty() => owners.join(", "),
                    Some(profile) if transfer.is_own => profile.name.clone(),
                    _ => "none of the profiles".to_owned(),
                },
            )];
            if transfer.is_own {
                facts.push(class_fact(&judgement.classified));
                facts.extend(cost_fact(&judgement.classified, request));
            }
            if let Some(profile) = profiles.chosen {
                let decision = judgement.decide(confirmed, can_ask);
                facts.push(("guard", guard_words(profile, &decision)));
                let sends_token =
                    transfer.is_own && transfer.credential == TypedCredential::Profile;
                facts.extend(sends_token.then(|| ("token", profile.token.describe())));
            }
            for (name, value) in facts {
                text.push_str(&format!("  {name:<5}  {}\n", sanitise(&value)));
            }
        }
    }
    let shown: Vec<String> = words.iter().map(Word::shown).collect();
    text + &format!("\ncurl {}\nnothing was sent\n", shown.join(" "))
}

/// Returns the raw call for the same request, and a note for each option that it does not have.
///
/// # Errors
/// Fails (exit 2) when the line is not one transfer of one URL of the profile.
pub(crate) fn native_line(
    call: &CurlCall,
    transfers: &[Transfer],
    profiles: Profiles<'_>,
) -> Result<(String, Vec<String>)> {
    let is_own = transfers.iter().all(|transfer| transfer.is_own);
    let (Some(profile), [transfer], true) = (profiles.chosen, transfers, is_own) else {
        return Err(no_raw_call());
    };
    let items = &transfer.items;
    let [(request, _)] = &transfer.requests[..] else {
        return Err(no_raw_call());
    };
    let own = &call.profile;
    let mut words = vec!["rein".to_owned()];
    let mut add = |option: &str, value: Option<&OsStr>| {
        let value = value.map(OsStr::to_string_lossy);
        let value = value.map(|value| format!(" {}", shell_words::quote(&value)));
        words.push(format!("{option}{}", value.unwrap_or_default()));
    };
    for (option, value) in [
        ("-p", own.profile.as_deref().map(OsStr::new)),
        ("--project", own.project.as_deref().map(OsStr::new)),
        ("--confirm", call.confirm.as_deref().map(OsStr::new)),
        ("--token-file", own.token_file.as_deref()),
        ("--config", own.config.as_deref()),
        ("--endpoint", own.endpoint.as_deref()),
    ] {
        if value.is_some() {
            add(option, value);
        }
    }
    let lacking = add_options(items, &mut add);
    let is_form = |item: &Item| item.role() == "data" && item.name != "--json";
    let is_type = |header: Header| header.name.eq_ignore_ascii_case("content-type");
    let has_type = items.iter().filter_map(header).any(is_type);
    if items.iter().any(is_form) && !has_type && request.method != "GET" {
        // Data is JSON in a raw call unless it is said to be something else.
        add(
            "-H",
            Some("Content-Type: application/x-www-form-urlencoded".as_ref()),
        );
    }
    let whole = &request.url[Position::BeforePath..];
    let path = whole
        .strip_prefix(profile.base.value.path_prefix())
        .unwrap_or(whole);
    // A brace would be a placeholder's.
    add(
        &shell_words::quote(&path.replace('{', "%7B").replace('}', "%7D")),
        None,
    );
    Ok((words.join(" ") + "\n", lacking))
}

/// Adds the options of a line that a raw call has, and returns a note for each other one.
fn add_options(items: &[Item], add: &mut dyn FnMut(&str, Option<&OsStr>)) -> Vec<String> {
    let raw = RawCall::augment_args(clap::Command::new("rein"));
    let mut lacking = Vec::new();
    for item in items {
        // The URL follows, and a raw call sends the profile's token by itself.
        let is_implied = matches!(item.role(), "url" | "redirect" | "credential");
        let Some(option) = item
            .option
            .filter(|_| !is_implied && authorization(item).is_none())
        else {
            continue;
        };
        if item.is_on && hoist::knows(&raw, &format!("--{}", option.long)) {
            add(&item.name, item.value.as_deref());
        } else if item.is_on && option.native != Native::Harmless {
            let way = match &option.native {
                Native::Instead(way) => format!("; {way}"),
                _ => String::new(),
            };
            lacking.push(format!("note: a raw call does not have {}{way}", item.name));
        }
    }
    lacking
}

fn no_raw_call() -> Failure {
    Failure::usage("there is no raw call for this line")
        .fact("a raw call is one request to one URL of the profile")
}
