//! `rein profile list` and `rein profile show`.

use comfy_table::{Table, presets};

use crate::cli::ProfileOptions;
use crate::commands::{Context, call, print};
use crate::error::Result;
use crate::exit::Exit;
use crate::output::terminal::sanitise;
use crate::profile::resolve::{self, Choice};
use crate::profile::{Profile, show as rows};

/// Lists every profile of the file.
///
/// # Errors
/// Fails when the file cannot be read or a profile in it is broken.
pub(crate) fn list(options: &ProfileOptions, cx: &Context) -> Result<Exit> {
    let choice = call::choice(options);
    let selected = resolve::selected_name(&choice, &cx.env)?;
    let profiles = resolve::all(&choice, &cx.env)?;
    if profiles.is_empty() {
        cx.warn("there is no profile yet; see config.example.toml, or try: rein -p demo /api/v1/datasets");
        return Ok(Exit::Ok);
    }
    let mut table = plain_table(cx);
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
            cell(profile.base.value.url().as_str()),
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
    print(&lines(&table))
}

/// Shows every value of one profile with where it came from.
///
/// # Errors
/// Fails when the profile cannot be resolved.
pub(crate) fn show(name: Option<&str>, options: &ProfileOptions, cx: &Context) -> Result<Exit> {
    let choice = call::choice(options);
    let choice = Choice {
        profile: name.or(choice.profile),
        ..choice
    };
    let profile: Profile = resolve::resolve(&choice, &cx.env)?;
    let mut table = plain_table(cx);
    for row in rows::profile(&profile) {
        table.add_row([cell(&row.key), cell(&row.value), cell(&row.origin)]);
    }
    print(&lines(&table))
}

fn plain_table(_cx: &Context) -> Table {
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
