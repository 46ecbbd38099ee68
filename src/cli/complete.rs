//! Completion candidates, from local files and the catalogue; nothing is sent.

use std::ffi::{OsStr, OsString};

use clap_complete::engine::CompletionCandidate;

use super::hoist;
use crate::catalogue::{self, Class, Endpoint};
use crate::env::Env;
use crate::profile::file;

/// Returns the words of a completion request with options behind their subcommand, as the parser
/// wants them; the last word, which is being typed, stays where it is.
pub(crate) fn words(root: &clap::Command, args: Vec<OsString>) -> Vec<OsString> {
    let Some(dashes) = args.iter().position(|word| word == "--") else {
        return args;
    };
    let (head, line) = args.split_at(dashes + 1);
    let Some((typed, before)) = line.split_last().filter(|(_, before)| !before.is_empty()) else {
        return args;
    };
    let mut words = head.to_vec();
    let mut before = before.to_vec();
    hide_values(root, &mut before);
    words.extend(hoist::options_after_subcommand(root, before));
    words.push(typed.clone());
    words
}

/// Hides every option unless one is begun: behind `rein call NAME` the fields are what is looked
/// for, and dozens of options would be between them.
pub(crate) fn without_options(command: clap::Command, words: &[OsString]) -> clap::Command {
    let is_begun = |word: &OsString| word.to_string_lossy().starts_with('-');
    if words.last().is_some_and(is_begun) {
        return command;
    }
    hide_options(command)
}

fn hide_options(command: clap::Command) -> clap::Command {
    // clap adds --help itself, which could not be hidden then.
    let command = command.disable_help_flag(true);
    let command = command.mut_args(|argument| match argument.is_positional() {
        true => argument,
        false => argument.hide(true),
    });
    command.mut_subcommands(hide_options)
}

/// Takes the values of options for no subcommand: the completion engine would read `demo` in
/// `-p demo` as one.
fn hide_values(root: &clap::Command, words: &mut [OsString]) {
    let mut at = 1;
    while let Some(word) = words.get(at).map(|word| word.to_string_lossy()) {
        let is_option = word.starts_with('-') && word != "-";
        let values = match is_option {
            true => hoist::values_following(root, &word),
            false => 0,
        };
        for value in words.iter_mut().skip(at + 1).take(values) {
            if root.find_subcommand(&*value).is_some() {
                *value = OsString::from("_");
            }
        }
        at += 1 + values;
    }
}

/// Offers profiles. A broken file offers none of its own and breaks nothing.
pub(crate) fn profiles() -> Vec<CompletionCandidate> {
    let config = file::load(None, &Env::capture()).unwrap_or_default();
    let names = config
        .profiles
        .into_iter()
        .map(|entry| CompletionCandidate::new(entry.name));
    names
        .chain([CompletionCandidate::new(file::DEMO).help(Some("the built-in demo tenant".into()))])
        .collect()
}

/// Offers templates: the user's own and the built-in ones.
pub(crate) fn templates() -> Vec<CompletionCandidate> {
    let own = file::load(None, &Env::capture())
        .unwrap_or_default()
        .templates;
    let own = own.into_iter().map(|template| {
        CompletionCandidate::new(template.name).help(template.summary.map(Into::into))
    });
    let built_in = catalogue::all().iter().map(|endpoint| {
        CompletionCandidate::new(endpoint.name).help(Some(endpoint.summary.into()))
    });
    own.chain(built_in).collect()
}

/// Offers the groups of the catalogue.
pub(crate) fn groups() -> Vec<CompletionCandidate> {
    let mut groups: Vec<&str> = catalogue::all()
        .iter()
        .map(|endpoint| endpoint.group)
        .collect();
    groups.sort_unstable();
    groups.dedup();
    groups.into_iter().map(CompletionCandidate::new).collect()
}

/// Offers the classes.
pub(crate) fn classes() -> Vec<CompletionCandidate> {
    let all = [
        Class::Read,
        Class::Write,
        Class::Billable,
        Class::Stateful,
        Class::Destructive,
    ];
    all.into_iter()
        .map(|class| CompletionCandidate::new(class.name()))
        .collect()
}

/// Offers the fields of the template that is on the line, each up to its separator.
pub(crate) fn items(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let Some(endpoint) = endpoint_on_the_line() else {
        return Vec::new();
    };
    let fields = endpoint
        .path_params
        .iter()
        .chain(endpoint.query_params)
        .chain(endpoint.body_fields);
    fields
        .filter(|field| !field.name.contains("[]") && field.name.starts_with(&*typed))
        .map(|field| {
            CompletionCandidate::new(format!("{}=", field.name))
                .help(Some(field.description.into()))
        })
        .collect()
}

/// Offers the columns of the template that is on the line, after those that are given already.
pub(crate) fn columns(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let (before, _) = typed
        .rsplit_once(',')
        .map_or(("", &*typed), |(before, last)| (before, last));
    let joint = if before.is_empty() { "" } else { "," };
    let columns = endpoint_on_the_line()
        .map(|endpoint| endpoint.columns)
        .unwrap_or_default();
    columns
        .iter()
        .map(|column| format!("{before}{joint}{column}"))
        .filter(|list| list.starts_with(&*typed))
        .map(CompletionCandidate::new)
        .collect()
}

/// Returns the built-in template that the line calls.
fn endpoint_on_the_line() -> Option<&'static Endpoint> {
    let mut words = std::env::args_os().skip_while(|word| word != "--").skip(1);
    words.by_ref().find(|word| word == "call")?;
    words.find_map(|word| word.to_str().and_then(catalogue::by_name))
}

/// Offers the paths of the catalogue for a raw call once one is begun: before that, hundreds of
/// paths would hide the subcommands.
pub(crate) fn targets(typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    if typed.is_empty() {
        return Vec::new();
    }
    let mut paths: Vec<&str> = catalogue::all()
        .iter()
        .map(|endpoint| endpoint.path)
        .flat_map(|path| [path, path.trim_start_matches("/api/")])
        .filter(|path| path.starts_with(&*typed))
        .collect();
    paths.sort_unstable();
    paths.dedup();
    paths.into_iter().map(CompletionCandidate::new).collect()
}
