//! The config file: where it is, what may be in it, and what is wrong with it.

mod templates;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::catalogue::user::UserTemplate;
use crate::env::Env;
use crate::error::{Failure, Result, io_reason, nearest};
use crate::files::is_open_to_others;
use crate::profile::{Guard, Origin, is_placeholder_name};
use crate::secret::Secret;
use crate::secret::source::Stored;
use crate::text::terminal::sanitise;

pub(crate) use self::templates::{templates, templates_of};

/// The keys at the top of the file.
pub(crate) const TOP_KEYS: [&str; 4] = ["default_profile", "profiles", "templates", "vars"];

/// The keys of a profile.
pub(crate) const PROFILE_KEYS: [&str; 15] = [
    "ca_file",
    "domain",
    "endpoint",
    "extends",
    "guard",
    "oauth",
    "organisation",
    "project",
    "proxy",
    "tenant",
    "token",
    "token_command",
    "token_env",
    "token_file",
    "vars",
];

/// The keys of a profile's `oauth` table.
pub(crate) const OAUTH_KEYS: [&str; 6] = [
    "client_id",
    "client_secret_command",
    "client_secret_env",
    "client_secret_file",
    "scope",
    "token_url",
];

/// The keys of a template.
pub(crate) const TEMPLATE_KEYS: [&str; 9] = [
    "body", "columns", "defaults", "items", "method", "path", "query", "reads", "summary",
];

/// The profile that needs no file.
pub(crate) const DEMO: &str = "demo";

/// A value and the line it is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Located<T> {
    /// The value.
    pub(crate) value: T,
    /// The line, counted from 1.
    pub(crate) line: usize,
}

/// The file, checked key by key; profiles are not put together yet.
#[derive(Clone, Debug, Default)]
pub(crate) struct ConfigFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    pub(crate) default_profile: Option<Located<String>>,
    pub(crate) vars: BTreeMap<String, Located<String>>,
    /// In the order of the file.
    pub(crate) profiles: Vec<Entry>,
    /// Templates of the user's own.
    pub(crate) templates: Vec<UserTemplate>,
}

/// A profile as it is in the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) extends: Option<Located<String>>,
    pub(crate) endpoint: Option<Located<String>>,
    pub(crate) domain: Option<Located<String>>,
    pub(crate) organisation: Option<Located<String>>,
    pub(crate) tenant: Option<Located<String>>,
    pub(crate) project: Option<Located<String>>,
    pub(crate) guard: Option<Located<Guard>>,
    pub(crate) ca_file: Option<Located<PathBuf>>,
    pub(crate) proxy: Option<Located<Secret>>,
    pub(crate) vars: BTreeMap<String, Located<String>>,
    pub(crate) token: Option<Stored>,
    pub(crate) oauth: Option<OAuthEntry>,
}

/// A profile's `oauth` table.
#[derive(Clone, Debug)]
pub(crate) struct OAuthEntry {
    pub(crate) token_url: url::Url,
    pub(crate) client_id: String,
    pub(crate) client_secret: Stored,
    pub(crate) scope: Option<String>,
}

impl ConfigFile {
    /// Returns the profile of this name.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.profiles.iter().find(|entry| entry.name == name)
    }

    /// Returns a failure that names a line of this file.
    pub(crate) fn wrong(&self, line: usize, what: &str) -> Failure {
        Failure::usage(format!("{}:{line}: {what}", self.path.display())).fact("nothing was sent")
    }
}

/// Returns where the file is looked for: `--config`, `REINFER_CONFIG`, or the usual place.
pub(crate) fn path(option: Option<&OsStr>, env: &Env) -> Option<PathBuf> {
    option
        .map(PathBuf::from)
        .or_else(|| env.path("REINFER_CONFIG").map(Path::to_owned))
        .or_else(|| usual_path(env, HERE))
}

/// A system, as far as the places of files differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    /// Linux, and macOS too: its own folders are for programs with windows.
    Unix,
    Windows,
}

/// The system that this program was built for.
const HERE: System = if cfg!(windows) {
    System::Windows
} else {
    System::Unix
};

/// Returns the usual place: `$XDG_CONFIG_HOME/rein`, else `~/.config/rein`, on macOS too;
/// `%APPDATA%\rein` on Windows.
fn usual_path(env: &Env, system: System) -> Option<PathBuf> {
    let folder = match system {
        System::Windows => env.path("APPDATA").map(Path::to_owned),
        System::Unix => {
            xdg(env, "XDG_CONFIG_HOME").or_else(|| env.home().map(|home| home.join(".config")))
        }
    };
    folder.map(|folder| folder.join("rein").join("config.toml"))
}

/// Returns the folder for caches and other state: `$XDG_STATE_HOME/rein`, else
/// `~/.local/state/rein`; `%LOCALAPPDATA%\rein` on Windows.
pub(crate) fn state_folder(env: &Env) -> Option<PathBuf> {
    state_folder_on(env, HERE)
}

fn state_folder_on(env: &Env, system: System) -> Option<PathBuf> {
    let folder = match system {
        System::Windows => env.path("LOCALAPPDATA").map(Path::to_owned),
        System::Unix => xdg(env, "XDG_STATE_HOME")
            .or_else(|| env.home().map(|home| home.join(".local").join("state"))),
    };
    folder.map(|folder| folder.join("rein"))
}

/// A relative path is to be ignored, says the XDG base directory specification.
fn xdg(env: &Env, name: &str) -> Option<PathBuf> {
    env.path(name)
        .filter(|path| path.is_absolute())
        .map(Path::to_owned)
}

/// Reads the file. The usual one may be missing; one that was named must be there.
///
/// # Errors
/// Fails (exit 2) with place, known names and the line, never with a value of the file.
pub(crate) fn load(option: Option<&OsStr>, env: &Env) -> Result<ConfigFile> {
    let named = option.is_some() || env.is_set("REINFER_CONFIG");
    let Some(path) = path(option, env) else {
        return Ok(ConfigFile::default());
    };
    let mut bytes = Vec::new();
    let opened = File::open(&path);
    let file = match opened.and_then(|mut file| file.read_to_end(&mut bytes).map(|_| file)) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !named => {
            return Ok(ConfigFile {
                path,
                ..ConfigFile::default()
            });
        }
        Err(error) => {
            return Err(Failure::usage(format!(
                "cannot read the config file {}: {}",
                path.display(),
                io_reason(&error)
            ))
            .fact("nothing was sent"));
        }
    };
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::usage(format!("{}: the file is not valid UTF-8", path.display())))?;
    let config = parse(&path, &text, env.home().as_deref())?;
    refuse_a_readable_secret(&config, &file)?;
    Ok(config)
}

/// Parses the text of a file.
///
/// # Errors
/// Fails as `load` does.
pub(crate) fn parse(path: &Path, text: &str, home: Option<&Path>) -> Result<ConfigFile> {
    let reader = Reader { path, text, home };
    let table = DeTable::parse(text).map_err(|error| {
        // The library's own message can quote a value of the file, and that may be a token.
        let what = match error.message() {
            "duplicate key" => "this name is given twice",
            "string values must be quoted, expected literal string" => "a text must be in quotes",
            _ => "this is not valid TOML",
        };
        reader.wrong(error.span().unwrap_or(0..0), what)
    })?;
    reader.file(table.get_ref())
}

/// Refuses a file with a literal secret that others can read.
fn refuse_a_readable_secret(config: &ConfigFile, file: &File) -> Result<()> {
    let holds_secret = |entry: &&Entry| {
        let proxy_has_password = entry
            .proxy
            .as_ref()
            .is_some_and(|proxy| proxy.value.expose().contains('@'));
        matches!(entry.token, Some(Stored::Literal(..))) || proxy_has_password
    };
    let Some(entry) = config.profiles.iter().find(holds_secret) else {
        return Ok(());
    };
    if is_open_to_others(file) {
        return Err(Failure::usage(format!(
            "{} holds a secret of profile {} and can be read by others",
            config.path.display(),
            entry.name
        ))
        .fact("nothing was sent")
        .hint(format!(
            "chmod 600 {}",
            shell_words::quote(&config.path.to_string_lossy())
        )));
    }
    Ok(())
}

/// Returns whether what a line begins with is a name of this file's own, and not a chunk of a
/// value.
fn is_shown_key(key: &str) -> bool {
    let section = key.trim_start_matches('[').split(['.', ']']).next();
    match key.starts_with('[') {
        true => section.is_some_and(|section| TOP_KEYS.contains(&section)),
        false => [&TOP_KEYS[..], &PROFILE_KEYS, &OAUTH_KEYS, &TEMPLATE_KEYS]
            .iter()
            .any(|keys| keys.contains(&key)),
    }
}

type Value<'a> = Spanned<DeValue<'a>>;
type Key<'a> = Spanned<std::borrow::Cow<'a, str>>;

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    home: Option<&'a Path>,
}

impl Reader<'_> {
    /// Returns a failure at a place, with its line as far as that cannot hold a secret.
    fn wrong(&self, span: Range<usize>, what: &str) -> Failure {
        let snippet = self.snippet(span.start, is_shown_key);
        snippet
            .into_iter()
            .fold(self.failure_at(span, what), Failure::fact)
    }

    /// Returns the line of a place with a caret below it, the value in it masked: it may be a
    /// token. `None` where the line has no key that may be shown, such as one within a text of
    /// many lines.
    fn snippet(&self, at: usize, is_shown: impl Fn(&str) -> bool) -> Option<String> {
        let before = self.text.get(..at)?;
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let line = self.text.get(start..)?.lines().next()?;
        let (key, has_value) = match line.split_once('=') {
            Some((key, _)) => (key, true),
            None => (line, false),
        };
        if !is_shown(key.trim()) {
            return None;
        }
        let shown = if has_value {
            format!("{key}= ...")
        } else {
            // A comment can hold anything.
            line.split('#').next().unwrap_or_default().to_owned()
        };
        let shown = sanitise(shown.trim_end()).into_owned();
        let caret = before[start..].chars().count();
        let caret = match has_value {
            true => caret.min(key.chars().count() + 2),
            false => caret,
        };
        Some(format!("{shown}\n{}^", " ".repeat(caret)))
    }

    /// Returns a failure at a place, with nothing of the text there.
    fn failure_at(&self, span: Range<usize>, what: &str) -> Failure {
        let before = self.text.get(..span.start).unwrap_or_default();
        let column = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .chars()
            .count()
            + 1;
        Failure::usage(format!(
            "{}:{}:{column}: {what}",
            self.path.display(),
            line_of(self.text, span.start)
        ))
        .fact("nothing was sent")
    }

    fn line(&self, span: &Range<usize>) -> usize {
        line_of(self.text, span.start)
    }

    fn unknown_key(&self, key: &Key<'_>, section: &str, legal: &[&str]) -> Failure {
        let name = sanitise(key.get_ref()).into_owned();
        let what = format!("unknown key {name} in {section}");
        let snippet = self.snippet(key.span().start, |shown| shown == name);
        snippet
            .into_iter()
            .fold(self.failure_at(key.span(), &what), Failure::fact)
            .fact(format!("known keys: {}", legal.join(", ")))
            .suggest(nearest(&name, legal.iter().copied()).first().copied())
    }

    fn wrong_type(&self, value: &Value<'_>, key: &str, expected: &str) -> Failure {
        self.wrong(value.span(), &format!("{key} must be {expected}"))
    }

    fn file(&self, table: &DeTable<'_>) -> Result<ConfigFile> {
        let mut file = ConfigFile {
            path: self.path.to_owned(),
            ..ConfigFile::default()
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "default_profile" => {
                    file.default_profile = Some(self.string(value, "default_profile")?);
                }
                "vars" => file.vars = self.vars(value)?,
                "profiles" => {
                    for (name, value) in self.table(value, "profiles")? {
                        file.profiles.push(self.profile(name, value)?);
                    }
                }
                "templates" => {
                    for (name, value) in self.table(value, "templates")? {
                        file.templates.push(self.template(name, value)?);
                    }
                }
                _ => return Err(self.unknown_key(key, "the file", &TOP_KEYS)),
            }
        }
        file.profiles.sort_by_key(|entry| entry.line);
        Ok(file)
    }

    fn profile(&self, name: &Key<'_>, value: &Value<'_>) -> Result<Entry> {
        let shown = name.get_ref().as_ref();
        if shown == DEMO {
            return Err(self
                .wrong(
                    name.span(),
                    "the name demo is reserved for the built-in demo tenant",
                )
                .hint("give the profile another name"));
        }
        if shown.is_empty()
            || shown
                .chars()
                .any(|c| c.is_control() || c.is_whitespace() || c == '/')
        {
            return Err(self.wrong(name.span(), "a profile's name must be one word without /"));
        }
        let mut entry = Entry {
            name: shown.to_owned(),
            line: self.line(&name.span()),
            ..Entry::default()
        };
        let section = format!("profile {shown}");
        let mut sources = Vec::new();
        for (key, value) in self.table(value, &section)? {
            let word = key.get_ref().as_ref();
            match word {
                "endpoint" => entry.endpoint = Some(self.string(value, word)?),
                "domain" => entry.domain = Some(self.string(value, word)?),
                "organisation" => entry.organisation = Some(self.string(value, word)?),
                "tenant" => entry.tenant = Some(self.string(value, word)?),
                "extends" => entry.extends = Some(self.string(value, word)?),
                "project" => entry.project = Some(self.string(value, word)?),
                "proxy" => {
                    let proxy = self.string(value, word)?;
                    entry.proxy = Some(Located {
                        value: Secret::new(proxy.value),
                        line: proxy.line,
                    });
                }
                "guard" => entry.guard = Some(self.guard(value)?),
                "ca_file" => entry.ca_file = Some(self.path_value(value, word)?),
                "vars" => entry.vars = self.vars(value)?,
                "oauth" => {
                    sources.push("oauth");
                    entry.oauth = Some(self.oauth(value, &section)?);
                }
                "token" | "token_env" | "token_file" | "token_command" => {
                    sources.push(
                        PROFILE_KEYS
                            .iter()
                            .find(|legal| **legal == word)
                            .copied()
                            .unwrap_or_default(),
                    );
                    entry.token =
                        Some(self.stored(word.trim_start_matches("token"), value, word)?);
                }
                _ => return Err(self.unknown_key(key, &section, &PROFILE_KEYS)),
            }
        }
        if let [first, second, ..] = sources.as_slice() {
            return Err(self
                .wrong(
                    name.span(),
                    &format!("{section} names two token sources: {first} and {second}"),
                )
                .hint("keep one of them"));
        }
        Ok(entry)
    }

    /// Reads where a secret is, by the key's ending: `_env`, `_file`, `_command` or none.
    fn stored(&self, ending: &str, value: &Value<'_>, key: &str) -> Result<Stored> {
        Ok(match ending {
            "_env" => Stored::Variable(self.variable(value, key)?),
            "_file" => Stored::File(self.path_value(value, key)?.value),
            "_command" => Stored::Command(self.command(value, key)?),
            _ => {
                let Located {
                    value: secret,
                    line,
                } = self.string(value, key)?;
                let origin = Origin::File {
                    path: self.path.to_owned(),
                    line,
                    inherited_from: None,
                };
                Stored::Literal(Secret::new(secret), origin)
            }
        })
    }

    /// Reads the name of a variable. What is not a name is probably the secret itself.
    fn variable(&self, value: &Value<'_>, key: &str) -> Result<String> {
        let name = self.string(value, key)?.value;
        let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        if is_name {
            return Ok(name);
        }
        Err(self
            .wrong_type(value, key, "the name of a variable: letters, digits and _")
            .hint("the name alone, without $; the secret itself does not belong here"))
    }

    fn oauth(&self, value: &Value<'_>, section: &str) -> Result<OAuthEntry> {
        let (mut token_url, mut client_id, mut client_secret, mut scope) = (None, None, None, None);
        for (key, value) in self.table(value, "oauth")? {
            let word = key.get_ref().as_ref();
            match word {
                "token_url" => token_url = Some(self.token_url(value)?),
                "client_id" => client_id = Some(self.string(value, word)?.value),
                "scope" => scope = Some(self.string(value, word)?.value),
                "client_secret_env" | "client_secret_file" | "client_secret_command" => {
                    if client_secret.is_some() {
                        return Err(
                            self.wrong(key.span(), "oauth names two places of the client secret")
                        );
                    }
                    client_secret =
                        Some(self.stored(word.trim_start_matches("client_secret"), value, word)?);
                }
                _ => {
                    return Err(self.unknown_key(key, &format!("oauth of {section}"), &OAUTH_KEYS));
                }
            }
        }
        match (token_url, client_id, client_secret) {
            (Some(token_url), Some(client_id), Some(client_secret)) => {
                Ok(OAuthEntry { token_url, client_id, client_secret, scope })
            }
            _ => Err(self.wrong(
                value.span(),
                &format!("oauth of {section} needs token_url, client_id and client_secret_env, _file or _command"),
            )),
        }
    }

    fn token_url(&self, value: &Value<'_>) -> Result<url::Url> {
        let text = self.string(value, "token_url")?.value;
        let base = super::Base::from_endpoint(&text)
            .map_err(|why| self.wrong(value.span(), &format!("token_url is not usable: {why}")))?;
        Ok(base.url().clone())
    }

    fn guard(&self, value: &Value<'_>) -> Result<Located<Guard>> {
        let expected = "one of \"none\", \"confirm\", \"read-only\"";
        let located = self
            .string(value, "guard")
            .map_err(|_| self.wrong_type(value, "guard", expected))?;
        let guard = match located.value.as_str() {
            "none" => Guard::None,
            "confirm" => Guard::Confirm,
            "read-only" => Guard::ReadOnly,
            _ => return Err(self.wrong_type(value, "guard", expected)),
        };
        Ok(Located {
            value: guard,
            line: located.line,
        })
    }

    fn vars(&self, value: &Value<'_>) -> Result<BTreeMap<String, Located<String>>> {
        let mut vars = BTreeMap::new();
        for (key, value) in self.table(value, "vars")? {
            if !is_placeholder_name(key.get_ref()) {
                let what = "a variable's name must be letters, digits, _ and -, a letter first";
                return Err(self.wrong(key.span(), what));
            }
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) => number.as_str().to_owned(),
                _ => {
                    return Err(self.wrong_type(value, "a variable", "a string or a whole number"));
                }
            };
            vars.insert(
                key.get_ref().to_string(),
                Located {
                    value: text,
                    line: self.line(&value.span()),
                },
            );
        }
        Ok(vars)
    }

    fn table<'t, 'i>(&self, value: &'t Value<'i>, key: &str) -> Result<&'t DeTable<'i>> {
        value
            .get_ref()
            .as_table()
            .ok_or_else(|| self.wrong_type(value, key, "a table"))
    }

    fn string(&self, value: &Value<'_>, key: &str) -> Result<Located<String>> {
        match value.get_ref().as_str() {
            Some("") => Err(self.wrong_type(value, key, "a string that is not empty")),
            Some(text) if text.chars().any(char::is_control) => {
                Err(self.wrong_type(value, key, "a string without control characters"))
            }
            Some(text) => Ok(Located {
                value: text.to_owned(),
                line: self.line(&value.span()),
            }),
            None => Err(self.wrong_type(value, key, "a string")),
        }
    }

    /// Reads a path: `~/` is the home, a relative one starts at the file's own folder.
    fn path_value(&self, value: &Value<'_>, key: &str) -> Result<Located<PathBuf>> {
        let Located { value: text, line } = self.string(value, key)?;
        Ok(Located {
            value: self.beside(&text),
            line,
        })
    }

    fn beside(&self, text: &str) -> PathBuf {
        match (text.strip_prefix("~/"), self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.path.parent().unwrap_or(Path::new("")).join(text),
        }
    }

    /// Reads a command. Its program is a name that is looked up on `PATH`, or a path as every other
    /// of the file: the current folder must not decide what is run.
    fn command(&self, value: &Value<'_>, key: &str) -> Result<Vec<String>> {
        let mut words = self.words(value, key)?;
        if let Some(program) = words
            .first_mut()
            .filter(|program| program.contains(std::path::is_separator))
        {
            *program = self
                .beside(program)
                .into_os_string()
                .into_string()
                .map_err(|_| {
                    self.wrong(value.span(), "the path of this program is not valid UTF-8")
                })?;
        }
        Ok(words)
    }

    fn words(&self, value: &Value<'_>, key: &str) -> Result<Vec<String>> {
        let expected =
            "a list of words: the command and its arguments, as in [\"op\", \"read\", \"...\"]";
        let array = value
            .get_ref()
            .as_array()
            .ok_or_else(|| self.wrong_type(value, key, expected))?;
        let words: Option<Vec<String>> = array
            .iter()
            .map(|word| word.get_ref().as_str().map(str::to_owned))
            .collect();
        words
            .filter(|words| words.first().is_some_and(|program| !program.is_empty()))
            .ok_or_else(|| self.wrong_type(value, key, expected))
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()
        .iter()
        .take(offset)
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}
