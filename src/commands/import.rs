//! `rein config import re|uipath`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cli::{ImportArgs, ImportFrom};
use crate::engine::{Context, print};
use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::profile::edit::{self, Changes, MakeDefault};
use crate::profile::file::ConfigFile;
use crate::profile::import::{self, Foreign};
use crate::profile::{Base, file};
use crate::secret::Secret;
use crate::secret::source::variable_of_profile;
use crate::text::terminal::sanitise;

/// The token service of UiPath's cloud.
const TOKEN_URL: &str = "https://cloud.uipath.com/identity_/connect/token";

/// Takes profiles over. Profiles that exist stay as they are; tokens stay where they are unless
/// they are asked for.
///
/// # Errors
/// Fails when there is nothing to read, or our own file cannot be written.
pub(crate) fn run(args: &ImportArgs, cx: &Context) -> Result<Exit> {
    let found = read(args, cx)?;
    let path = file::path(args.config.as_deref(), &cx.env)
        .ok_or_else(|| Failure::usage("no default config file").hint("name it: --config FILE"))?;
    edit::refuse_what_is_no_file(&path)?;
    // Paths are written into the file as they are read from it: from anywhere.
    let path = std::path::absolute(&path).unwrap_or(path);
    let existing = if path.exists() {
        file::load(Some(path.as_os_str()), &cx.env)?
    } else {
        ConfigFile::default()
    };
    let mut said = String::new();
    for foreign in found {
        let name = sanitise(&foreign.name);
        if let Some(reason) = reason_to_pass_over(&foreign, &existing, args.tokens) {
            said.push_str(&reason);
            continue;
        }
        match take(&foreign, &path, args.tokens, cx) {
            Ok(notes) => {
                said.push_str(&format!("added: {name}\n"));
                if foreign.name != foreign.name_there {
                    let name_there = sanitise(&foreign.name_there);
                    said.push_str(&format!("  its name there: {name_there}\n"));
                }
                notes
                    .iter()
                    .for_each(|note| said.push_str(&format!("  {note}\n")));
            }
            Err(failure) => said.push_str(&format!("left out: {name}: {}\n", failure.headline)),
        }
    }
    print(&said)
}

/// Reads the profiles of the other program.
fn read(args: &ImportArgs, cx: &Context) -> Result<Vec<Foreign>> {
    let source = match &args.file {
        Some(file) => PathBuf::from(file),
        None => usual(args.from, cx)?,
    };
    let text = std::fs::read_to_string(&source).map_err(|error| {
        Failure::usage(format!(
            "cannot read {}: {}",
            source.display(),
            io_reason(&error)
        ))
    })?;
    let found = match args.from {
        ImportFrom::Re => import::contexts(&text)?,
        ImportFrom::Uipath => import::uipath(&text)?,
    };
    if found.is_empty() {
        cx.warn(&format!("{} holds no profile", source.display()));
    }
    Ok(found)
}

/// Returns the line about a profile that is not taken over because of one that is there.
fn reason_to_pass_over(foreign: &Foreign, existing: &ConfigFile, tokens: bool) -> Option<String> {
    let name = sanitise(&foreign.name);
    if existing.entry(&foreign.name).is_some() {
        let holds_secret = foreign.token.is_some()
            || matches!(&foreign.client, Some((_, secret)) if secret.is_some());
        let secret = if tokens && holds_secret {
            "; its token was not moved (rein profile add --token-file, or --ask-token)"
        } else {
            ""
        };
        return Some(format!("kept: {name} already exists{secret}\n"));
    }
    let variable = variable_of_profile(&foreign.name);
    let mut entries = existing.profiles.iter();
    let entry = entries.find(|entry| variable_of_profile(&entry.name) == variable)?;
    Some(format!(
        "left out: {name}: profile {} would have the same variables; rename one\n",
        sanitise(&entry.name)
    ))
}

fn usual(from: ImportFrom, cx: &Context) -> Result<PathBuf> {
    let home = cx
        .env
        .home()
        .ok_or_else(|| Failure::usage("there is no home directory").hint("name the file"))?;
    let config = cx
        .env
        .path("XDG_CONFIG_HOME")
        .filter(|path| path.is_absolute());
    Ok(match from {
        ImportFrom::Re => config
            .map_or_else(|| home.join(".config"), Path::to_owned)
            .join("reinfer/contexts.json"),
        ImportFrom::Uipath => home.join(".uipath/config"),
    })
}

/// Adds one profile; returns what there is to say about it.
fn take(foreign: &Foreign, path: &Path, tokens: bool, cx: &Context) -> Result<Vec<String>> {
    let mut notes: Vec<String> = foreign
        .left
        .iter()
        .map(|left| format!("not taken: {left}"))
        .collect();
    if let Some((_, endpoint)) = foreign.texts.iter().find(|(key, _)| *key == "endpoint") {
        Base::from_endpoint(endpoint)
            .map_err(|why| Failure::usage(format!("its endpoint is not usable: {why}")))?;
    }
    let mut changes = Changes {
        texts: foreign.texts.clone(),
        ..Changes::default()
    };
    if let Some((file, secret)) = credential(foreign, path, tokens, &mut changes, &mut notes) {
        write_secret(&file, secret).with_context(|| format!("cannot write {}", file.display()))?;
        notes.push(format!(
            "its secret is in {} now; remove the old copy",
            file.display()
        ));
    }
    edit::add(path, &foreign.name, &changes, MakeDefault::Keep, &cx.env)?;
    Ok(notes)
}

/// Decides where the profile finds its token or client secret; returns a secret that is to be moved,
/// with its file.
fn credential<'a>(
    foreign: &'a Foreign,
    path: &Path,
    tokens: bool,
    changes: &mut Changes,
    notes: &mut Vec<String>,
) -> Option<(PathBuf, &'a Secret)> {
    let name = &foreign.name;
    let Some((id, secret)) = &foreign.client else {
        let token = foreign.token.as_ref()?;
        if !tokens {
            let note = "its token is not copied; --tokens copies it to a file with mode 0600";
            notes.push(note.to_owned());
            return None;
        }
        let file = secret_file(path, name, "token");
        let setting = ("token_file", file.to_string_lossy().into_owned());
        changes.texts.push(setting);
        return Some((file, token));
    };
    let moved = secret.as_ref().filter(|_| tokens);
    let moved = moved.map(|secret| (secret_file(path, name, "client-secret"), secret));
    let setting = match &moved {
        Some((file, _)) => ("client_secret_file", file.to_string_lossy().into_owned()),
        None => {
            let variable = variable_of_profile(name).replacen("TOKEN", "CLIENT_SECRET", 1);
            notes.push(format!(
                "its client secret is expected in ${variable}; --tokens moves it to a file"
            ));
            ("client_secret_env", variable)
        }
    };
    let service = ("token_url", TOKEN_URL.to_owned());
    changes.oauth = Some(vec![service, ("client_id", id.clone()), setting]);
    moved
}

fn secret_file(config: &Path, name: &str, kind: &str) -> PathBuf {
    config
        .parent()
        .unwrap_or(Path::new(""))
        .join("secrets")
        .join(format!("{name}.{kind}"))
}

/// Writes a secret 0600 from the first byte, in a folder that only its owner can enter.
fn write_secret(path: &Path, secret: &Secret) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    crate::files::create_private_folder(folder)?;
    // What is there may be the secret of another profile.
    if path.symlink_metadata().is_ok() {
        let is_the_same = std::fs::read_to_string(path)
            .is_ok_and(|text| Secret::new(text.trim_end().to_owned()) == *secret);
        return match is_the_same {
            true => Ok(()),
            false => Err(std::io::Error::other("it exists, with another secret")),
        };
    }
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(secret.expose().as_bytes())?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    Ok(())
}
