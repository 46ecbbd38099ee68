//! `rein curl --dry-run` and `--explain`: what would run, and the raw call for the same request.

use crate::cli::curl::Line;
use crate::cli::curl::native::{self, Fate};
use crate::cli::curl::table::Role;
use crate::error::{Failure, Result};
use crate::plan::ownership::Profiles;
use crate::plan::preview::{cost, guard_words};
use crate::request::TypedCredential;
use crate::secret::Redactor;
use crate::text::terminal::sanitise;

use super::{Argument, Judged, Word};

/// Returns what `--dry-run` prints: each URL with its owners, class and guard, then the line.
pub(crate) fn dry_run(
    transfers: &[Judged],
    words: &[Word],
    profiles: Profiles<'_>,
    confirmed: Option<&str>,
    can_ask: bool,
) -> String {
    let redactor = Redactor::default();
    let mut text = String::new();
    for judged in transfers {
        for (request, judgement) in judged.requests() {
            let url = redactor.url(&request.url);
            text.push_str(&format!("{} {}\n", request.method, sanitise(&url)));
            let owners: Vec<&str> = judgement.owners.iter().map(|owner| &*owner.name).collect();
            let class = judgement.classified.class;
            let mut facts = vec![match (profiles.chosen, judged.is_own) {
                (Some(profile), true) if owners.is_empty() => ("owner", profile.name.clone()),
                _ if owners.is_empty() => ("owner", "none of the profiles".to_owned()),
                _ => ("owner", owners.join(", ")),
            }];
            if judged.is_own {
                facts.push(match judgement.classified.endpoint {
                    Some(endpoint) => ("class", format!("{} ({})", class.name(), endpoint.name)),
                    None => ("class", format!("{} (not in the catalogue)", class.name())),
                });
                if class == crate::catalogue::Class::Billable {
                    facts.push(("cost", cost(&judgement.classified, &request)));
                }
            }
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
    let one = match (transfers, profiles.chosen) {
        ([judged], Some(profile)) if judged.is_own => judged.own_url().zip(Some((judged, profile))),
        _ => None,
    };
    let Some((url, (judged, profile))) = one.filter(|_| transfers[0].transfer.urls.len() == 1)
    else {
        return Err(Failure::usage("there is no raw call for this line")
            .fact("a raw call is one request to one URL of the profile"));
    };
    let mut words = vec!["rein".to_owned()];
    let profile_options = &line.profile;
    for (option, value) in [
        ("-p", profile_options.profile.as_deref().map(str::to_owned)),
        (
            "--project",
            profile_options.project.as_deref().map(str::to_owned),
        ),
        ("--confirm", line.confirm.clone()),
        ("--token-file", text(profile_options.token_file.as_deref())),
        ("--config", text(profile_options.config.as_deref())),
        ("--endpoint", text(profile_options.endpoint.as_deref())),
    ] {
        words.extend(value.map(|value| format!("{option} {}", shell_words::quote(&value))));
    }
    let mut lacking = Vec::new();
    let mut is_data = false;
    let mut has_type = false;
    for argument in &judged.transfer.arguments {
        has_type |= argument
            .text()
            .to_ascii_lowercase()
            .starts_with("content-type:");
        is_data |= argument.role == Role::Data && argument.name != "--json";
        words.extend(native_words(argument, &mut lacking));
    }
    if is_data && !has_type && judged.transfer.method != "GET" {
        // Data is JSON in a raw call unless it is said to be something else.
        words.push("-H 'Content-Type: application/x-www-form-urlencoded'".to_owned());
    }
    let whole = &url[url::Position::BeforePath..];
    let path = whole
        .strip_prefix(profile.base.value.path_prefix())
        .unwrap_or(whole);
    // A brace would be a placeholder's.
    let path = path.replace('{', "%7B").replace('}', "%7D");
    words.push(shell_words::quote(&path).into_owned());
    Ok((words.join(" ") + "\n", lacking))
}

fn text(value: Option<&std::ffi::OsStr>) -> Option<String> {
    value.map(|value| value.to_string_lossy().into_owned())
}

/// Returns an argument as a raw call has it.
fn native_words(argument: &Argument, lacking: &mut Vec<String>) -> Option<String> {
    let option = argument.option?;
    match argument.role {
        // The credential is the profile's token, which a raw call sends by itself.
        Role::Url | Role::Redirect => return None,
        Role::Header | Role::Credential if super::is_credential(argument) => return None,
        _ => {}
    }
    match native::fate(option, argument.is_on) {
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
