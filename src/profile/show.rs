//! What `profile show` and `config check` say, as data.

use std::ffi::OsStr;

use crate::env::Env;
use crate::error::Failure;
use crate::profile::resolve::{self, Choice};
use crate::profile::{Profile, Setting, file};

/// One value of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The key, as in the file.
    pub(crate) key: String,
    /// The value that won; for the token, its source.
    pub(crate) value: String,
    /// Who said so.
    pub(crate) origin: String,
}

/// Returns every value of a profile with where it came from; the token only by its source.
pub(crate) fn profile(profile: &Profile) -> Vec<Row> {
    let row = |key: &str, value: &str, origin: String| Row {
        key: key.to_owned(),
        value: value.to_owned(),
        origin,
    };
    let optional = |key: &str, setting: Option<&Setting<String>>| {
        setting.map(|setting| row(key, &setting.value, setting.origin.to_string()))
    };
    let mut rows = vec![
        row("profile", &profile.name, String::new()),
        row(
            "endpoint",
            profile.base.value.as_str(),
            profile.base.origin.to_string(),
        ),
    ];
    rows.extend(optional("extends", profile.extends.as_ref()));
    rows.extend(optional("project", profile.project.as_ref()));
    rows.push(row(
        "guard",
        profile.guard.value.name(),
        profile.guard.origin.to_string(),
    ));
    rows.push(row("token", &profile.token.describe(), String::new()));
    if let Some(ca_file) = &profile.ca_file {
        rows.push(row(
            "ca_file",
            &ca_file.value.display().to_string(),
            ca_file.origin.to_string(),
        ));
    }
    if let Some(proxy) = &profile.proxy {
        rows.push(row(
            "proxy",
            &without_user(proxy.value.expose()),
            proxy.origin.to_string(),
        ));
    }
    for (name, setting) in &profile.vars {
        rows.push(row(
            &format!("vars.{name}"),
            &setting.value,
            setting.origin.to_string(),
        ));
    }
    rows
}

/// Takes user and password out of a proxy's address.
fn without_user(address: &str) -> String {
    match (address.split_once("://"), address.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        _ => address.to_owned(),
    }
}

/// Returns everything that is wrong with the file, without network and without running a
/// `token_command`.
pub(crate) fn check(config: Option<&OsStr>, env: &Env) -> Vec<Failure> {
    let file = match file::load(config, env) {
        Ok(file) => file,
        Err(failure) => return vec![failure],
    };
    let mut problems = Vec::new();
    for entry in &file.profiles {
        let choice = Choice {
            profile: Some(&entry.name),
            config,
            ..Choice::default()
        };
        if let Err(failure) = resolve::resolve(&choice, env)
            && !problems.contains(&failure)
        {
            problems.push(failure);
        }
    }
    if let Some(default) = &file.default_profile
        && default.value != file::DEMO
        && file.entry(&default.value).is_none()
    {
        problems.push(file.wrong(
            default.line,
            "default_profile names a profile that does not exist",
        ));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_password_is_not_shown() {
        for (address, shown) in [
            ("http://u:p@h:1", "http://h:1"),
            ("u:p@h:1", "h:1"),
            ("http://h:1", "http://h:1"),
            ("http://u:p@x@h", "http://h"),
        ] {
            assert_eq!(without_user(address), shown);
        }
    }
}
