//! `rein profile list` and `rein profile show`.

use std::ffi::OsStr;

use anstyle::Style;

use crate::cli::ProfileOptions;
use crate::commands::choose;
use crate::engine::{Context, print};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::fit::{self, Laid};
use crate::profile::file::DEMO;
use crate::profile::resolve::{self, Choice};
use crate::profile::{Guard, Profile, show as rows};
use crate::text::terminal::{Theme, sanitise};

/// Lists every profile of the file.
///
/// # Errors
/// Fails when the file cannot be read or a profile in it is broken.
pub(crate) fn list(config: Option<&OsStr>, cx: &Context) -> Result<Exit> {
    let choice = Choice {
        config,
        ..Choice::default()
    };
    let selected = resolve::selected_name(&choice, &cx.env)?;
    let profiles = resolve::all(&choice, &cx.env)?;
    if profiles.is_empty() {
        cx.warn(
            "no profiles yet; add one: rein profile add NAME, or try: rein -p demo v1/datasets",
        );
        return Ok(Exit::Ok);
    }
    let row = |profile: &Profile| {
        let is_default = selected.as_deref() == Some(profile.name.as_str());
        let project = profile.project.as_ref();
        vec![
            format!(
                "{} {}",
                if is_default { "*" } else { " " },
                cell(&profile.name)
            ),
            cell(profile.base.value.as_str()),
            cell(project.map_or("", |setting| setting.value.as_str())),
            profile.guard.value.name().to_owned(),
            cell(&profile.token.describe()),
        ]
    };
    let rows: Vec<_> = profiles.iter().map(row).collect();
    let names = ["  profile", "endpoint", "project", "guard", "token"];
    let laid = fit::list(Some(&names), &rows, cx.width());
    let theme = &cx.stdout_theme;
    if selected.as_deref() == Some(DEMO) {
        cx.notes(&["note: the default is demo, the built-in demo tenant".to_owned()]);
    }
    print(&painted(&laid, "profile", theme, |name| {
        let profile = profiles
            .iter()
            .find(|profile| cell(&profile.name) == name)?;
        Some(match profile.guard.value {
            Guard::None => theme.profile,
            _ => theme.profile_guarded,
        })
    }))
}

/// Shows every value of one profile with where it came from.
///
/// # Errors
/// Fails when the profile cannot be resolved.
pub(crate) fn show(name: Option<&str>, options: &ProfileOptions, cx: &Context) -> Result<Exit> {
    let choice = choose::choice(options);
    let choice = Choice {
        profile: name.or(choice.profile),
        ..choice
    };
    let profile: Profile = resolve::resolve(&choice, &cx.env)?;
    let rows: Vec<Vec<String>> = rows::profile(&profile)
        .iter()
        .map(|row| vec![cell(&row.key), cell(&row.value), cell(&row.origin)])
        .collect();
    let key = cx.stdout_theme.key;
    let text: String = fit::list(None, &rows, cx.width())
        .text
        .lines()
        .map(|line| match line.split_once(' ') {
            Some((name, rest)) if !name.is_empty() => format!("{key}{name}{key:#} {rest}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    print(&text)
}

fn cell(text: &str) -> String {
    sanitise(text).into_owned()
}

/// Styles a table's first line as its heading, and one column by its words. The table is laid out
/// before, because escapes would count as width.
pub(crate) fn painted(
    laid: &Laid,
    column: &str,
    theme: &Theme,
    style_of: impl Fn(&str) -> Option<Style>,
) -> String {
    let mut all = laid.text.lines();
    let Some(first) = all.next().filter(|_| laid.has_columns) else {
        return laid.text.clone();
    };
    let heading = theme.heading;
    let mut text = format!("{heading}{first}{heading:#}\n");
    let start = first.find(column).map(|at| first[..at].chars().count());
    for line in all {
        let at = start.and_then(|start| line.char_indices().nth(start).map(|(at, _)| at));
        let (before, rest) = line.split_at(at.unwrap_or(line.len()));
        let word = rest.split(' ').next().unwrap_or_default();
        match style_of(word).filter(|_| !word.is_empty()) {
            Some(style) => {
                let after = &rest[word.len()..];
                text.push_str(&format!("{before}{style}{word}{style:#}{after}\n"));
            }
            None => text.push_str(&format!("{line}\n")),
        }
    }
    text
}
