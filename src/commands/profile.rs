//! `rein profile list` and `rein profile show`.

use std::ffi::OsStr;

use anstyle::Style;
use comfy_table::{Table, presets};

use crate::cli::ProfileOptions;
use crate::commands::choose;
use crate::engine::{Context, print};
use crate::error::Result;
use crate::exit::Exit;
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
        cx.warn("there is no profile yet; add one: rein profile add, or try: rein -p demo /api/v1/datasets");
        return Ok(Exit::Ok);
    }
    let mut table = plain_table();
    table.set_header(["", "profile", "endpoint", "project", "guard", "token"]);
    for profile in &profiles {
        let mark = if selected.as_deref() == Some(profile.name.as_str()) {
            "*"
        } else {
            ""
        };
        table.add_row([
            mark.to_owned(),
            cell(&profile.name),
            cell(profile.base.value.as_str()),
            cell(
                profile
                    .project
                    .as_ref()
                    .map_or("", |setting| setting.value.as_str()),
            ),
            profile.guard.value.name().to_owned(),
            cell(&profile.token.describe()),
        ]);
    }
    let theme = &cx.stdout_theme;
    print(&painted(&table, "profile", theme, |name| {
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
    let mut table = plain_table();
    for row in rows::profile(&profile) {
        table.add_row([cell(&row.key), cell(&row.value), cell(&row.origin)]);
    }
    let key = cx.stdout_theme.key;
    let text: String = lines(&table)
        .lines()
        .map(|line| match line.split_once(' ') {
            Some((name, rest)) => format!("{key}{name}{key:#} {rest}\n"),
            None => format!("{line}\n"),
        })
        .collect();
    print(&text)
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

fn cell(text: &str) -> String {
    sanitise(text).into_owned()
}

/// Returns the table's lines without the blanks that pad the last column.
pub(crate) fn lines(table: &Table) -> String {
    let mut text = String::new();
    for line in table.lines() {
        let line = line.strip_prefix(' ').unwrap_or(&line);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Styles a table's first line as its heading, and one column by its words. The table is laid out
/// before, because escapes would count as width.
pub(crate) fn painted(
    table: &Table,
    column: &str,
    theme: &Theme,
    style_of: impl Fn(&str) -> Option<Style>,
) -> String {
    let plain = lines(table);
    let mut all = plain.lines();
    let Some(first) = all.next() else {
        return plain;
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
