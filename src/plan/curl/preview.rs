//! `rein curl --dry-run` and `--explain`: what would run, and the raw call for the same request.

use std::ffi::{OsStr, OsString};

use clap::Args;
use url::Position;

use super::judge::{Judged, Transfer};
use super::line::Word;
use super::request::authorization;
use crate::cli::curl::{Item, Role};
use crate::cli::harmless::Native;
use crate::cli::{RawCall, hoist};
use crate::error::{Failure, Result};
use crate::plan::preview::{class_fact, cost_fact, guard_words};
use crate::request::TypedCredential;
use crate::secret::Redactor;
use crate::text::terminal::sanitise;

impl Judged<'_> {
    /// Returns what `--dry-run` prints: each URL with its owners, class and guard, then the line.
    pub(crate) fn dry_run(&self, words: &[Word], can_ask: bool) -> String {
        let mut text = String::new();
        for Transfer { requests, own, .. } in &self.transfers {
            for (request, judgement) in requests {
                let url = Redactor::default().url(&request.url);
                text.push_str(&format!("{} {}\n", request.method, sanitise(&url)));
                let mut owners: Vec<&str> = judgement.owners.iter().map(|one| &*one.name).collect();
                if owners.is_empty() {
                    let chosen = self.profiles.chosen.filter(|_| own.is_some());
                    owners.push(chosen.map_or("none of the profiles", |profile| &profile.name));
                }
                let mut facts = vec![("owner", owners.join(", "))];
                if own.is_some() {
                    facts.push(class_fact(&judgement.classified));
                    facts.extend(cost_fact(&judgement.classified, request));
                }
                if let Some(profile) = self.profiles.chosen {
                    let decision = judgement.decide(self.call.confirm.as_deref(), can_ask);
                    facts.push(("guard", guard_words(profile, &decision)));
                    if *own == Some(TypedCredential::Profile) {
                        facts.push(("token", profile.token.describe()));
                    }
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
    pub(crate) fn native_line(&self) -> Result<(String, Vec<String>)> {
        let no_raw_call = || {
            Failure::usage("there is no raw call for this line")
                .fact("a raw call is one request to one URL of the profile")
        };
        let (Some(profile), [transfer]) = (self.profiles.chosen, &self.transfers[..]) else {
            return Err(no_raw_call());
        };
        let ([(request, _)], Some(_)) = (&transfer.requests[..], &transfer.own) else {
            return Err(no_raw_call());
        };
        let own = &self.call.profile;
        let mut words = vec![OsString::from("rein")];
        for (option, value) in [
            ("-p", own.profile.as_deref().map(OsStr::new)),
            ("--project", own.project.as_deref().map(OsStr::new)),
            ("--confirm", self.call.confirm.as_deref().map(OsStr::new)),
            ("--token-file", own.token_file.as_deref()),
            ("--config", own.config.as_deref()),
            ("--endpoint", own.endpoint.as_deref()),
        ] {
            words.extend(value.iter().flat_map(|value| [option.into(), value.into()]));
        }
        let raw = RawCall::augment_args(clap::Command::new("rein"));
        let mut lacking = Vec::new();
        for item in transfer.items.iter().filter(|item| item.is_on) {
            // The URL follows, and a raw call sends the profile's token by itself.
            let is_implied = matches!(item.role(), Role::Url | Role::Redirect | Role::Credential);
            let is_implied = is_implied || authorization(item).is_some();
            let Some(option) = item.option.filter(|_| !is_implied) else {
                continue;
            };
            let lacks = format!("note: a raw call does not have {}", item.name);
            match &option.native {
                _ if hoist::knows(&raw, &format!("--{}", option.long)) => {
                    words.extend(item.words());
                }
                Native::Harmless => {}
                Native::Instead(way) => lacking.push(format!("{lacks}; {way}")),
                Native::CurlOnly => lacking.push(lacks),
            }
        }
        let is_form = |item: &Item| item.role() == Role::Data && item.name != "--json";
        let has_form = transfer.items.iter().any(is_form) && request.method != "GET";
        if has_form && request.header("content-type").is_none() {
            // Data is JSON in a raw call unless it is said to be something else.
            words.extend(["-H", "Content-Type: application/x-www-form-urlencoded"].map(Into::into));
        }
        let whole = &request.url[Position::BeforePath..];
        let path = whole.strip_prefix(profile.base.value.path_prefix());
        // A brace would be a placeholder's.
        let path = path
            .unwrap_or(whole)
            .replace('{', "%7B")
            .replace('}', "%7D");
        words.push(path.into());
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        Ok((shell_words::join(words) + "\n", lacking))
    }
}
