//! Where a token comes from: decided when the profile is, read only when it will be sent.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::console::stdout::note;
use crate::env::Env;
use crate::error::{Failure, Result, io_reason};
use crate::secret::Secret;
use crate::setting::Origin;
use crate::signal::{self, Running, Started};
use crate::text::terminal::sanitise;

/// How long a `token_command` may take: long enough for a person to unlock a vault.
const COMMAND_TIME: Duration = Duration::from_secs(30);

/// The most that is read of a token: a larger one is a mistake, and could not be a header.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// A token and the name of its source.
#[derive(Clone, Debug)]
pub struct Token {
    /// The value.
    pub secret: Secret,
    /// Where it came from, for messages.
    pub source: String,
}

/// The one place that a profile's token is read from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// `--token-file FILE`, or `-` for standard input.
    Option(PathBuf),
    /// A stored secret's place, as `token_env`, `token_file`, `token_command` or `token` name it.
    Stored(Stored),
    /// Client credentials of an external application, exchanged for a short-lived token.
    OAuth(Box<OAuth>),
    /// `REINFER_TOKEN_<PROFILE>`, then `REINFER_TOKEN`.
    Environment {
        /// The profile's own variable; `None` when no profile was named.
        own: Option<String>,
        /// Another profile that has the same variable.
        shared_with: Option<String>,
        /// Whether `REINFER_TOKEN` may be used: not when it belongs to another endpoint.
        general: bool,
    },
    /// The token is kept back, for this reason.
    Withheld(String),
    /// The demo tenant's.
    Demo(Secret),
}

/// A place that holds a secret: a token, or an application's secret.
#[derive(Clone, Debug)]
pub enum Stored {
    /// An environment variable.
    Variable(String),
    /// A file.
    File(PathBuf),
    /// A command's standard output: its words, no shell.
    Command(Vec<String>),
    /// The config file.
    Literal(Secret, Origin),
}

/// `[profiles.x.oauth]`: OAuth 2 client credentials (RFC 6749, section 4.4).
#[derive(Clone, Debug)]
pub struct OAuth {
    /// The profile's name.
    pub profile: String,
    /// Where the token is asked for.
    pub token_url: url::Url,
    /// The application's id.
    pub client_id: String,
    /// Where the application's secret is.
    pub client_secret: Stored,
    /// What is asked for, separated by blanks.
    pub scope: Option<String>,
}

impl TokenSource {
    /// Returns the source's name, never anything of its value.
    pub fn describe(&self) -> String {
        match self {
            TokenSource::Option(path) if path.as_os_str() == "-" => {
                "--token-file - (standard input)".to_owned()
            }
            TokenSource::Option(path) => format!("--token-file {}", path.display()),
            TokenSource::Stored(stored) => stored.describe("token"),
            TokenSource::OAuth(oauth) => format!("[profiles.{}.oauth]", oauth.profile),
            TokenSource::Environment {
                own: Some(own),
                general: false,
                ..
            } => format!("${own}"),
            TokenSource::Environment { own: Some(own), .. } => {
                format!("${own}, else $REINFER_TOKEN")
            }
            TokenSource::Environment { own: None, .. } => "$REINFER_TOKEN".to_owned(),
            TokenSource::Withheld(_) => "none: kept back".to_owned(),
            TokenSource::Demo(_) => "built in".to_owned(),
        }
    }

    /// Returns the file that the profile names for its secret, with the key that names it.
    pub(crate) fn file(&self) -> Option<(&'static str, &PathBuf)> {
        match self {
            TokenSource::Stored(Stored::File(path)) => Some(("token_file", path)),
            TokenSource::OAuth(oauth) => match &oauth.client_secret {
                Stored::File(path) => Some(("client_secret_file", path)),
                _ => None,
            },
            _ => None,
        }
    }

    /// Reads the token. OAuth needs the network and is asked for elsewhere.
    ///
    /// # Errors
    /// Fails (exit 2) when the source has no usable value; it never falls back to another source.
    pub fn read(&self, env: &Env) -> Result<Token> {
        let (secret, source) = match self {
            TokenSource::Option(path) if path.as_os_str() == "-" => {
                (read_stdin()?, self.describe())
            }
            TokenSource::Option(path) => (read_file(path)?, self.describe()),
            TokenSource::Stored(stored) => (stored.read(env, "token")?, self.describe()),
            TokenSource::Environment {
                own,
                shared_with,
                general,
            } => {
                return read_environment(env, own.as_deref(), shared_with.as_deref(), *general);
            }
            TokenSource::Demo(secret) => (secret.clone(), self.describe()),
            TokenSource::Withheld(why) => {
                return Err(Failure::usage("no token may be sent to this endpoint")
                    .fact(why.clone())
                    .fact("nothing was sent")
                    .hint("name the token for it: --token-file FILE, or -p PROFILE"));
            }
            TokenSource::OAuth(oauth) => {
                return Err(Failure::local(format!(
                    "the token of profile {} has to be asked for first",
                    oauth.profile
                )));
            }
        };
        Ok(Token { secret, source })
    }
}

impl Stored {
    /// Returns the place's name; `key` is the word that the config file uses for it.
    pub fn describe(&self, key: &str) -> String {
        match self {
            Stored::Variable(name) => format!("${name}"),
            Stored::File(path) => format!("{key}_file {}", path.display()),
            Stored::Command(words) => {
                format!(
                    "{key}_command {}",
                    words.first().map(String::as_str).unwrap_or_default()
                )
            }
            Stored::Literal(_, origin) => format!("{key} in {origin}"),
        }
    }

    /// Returns the secret when it can be read without running a command or asking anybody.
    pub(crate) fn at_hand(&self, env: &Env, key: &str) -> Option<Secret> {
        match self {
            Stored::Command(_) => None,
            Stored::File(path) => {
                let file = open(path).ok()?;
                let is_file = file.metadata().ok()?.is_file();
                is_file
                    .then(|| read_limited(file, &path.display().to_string()).ok())
                    .flatten()
            }
            Stored::Variable(_) | Stored::Literal(..) => self.read(env, key).ok(),
        }
    }

    /// Reads the secret.
    ///
    /// # Errors
    /// Fails (exit 2) when there is no usable value.
    pub fn read(&self, env: &Env, key: &str) -> Result<Secret> {
        match self {
            Stored::Variable(name) => match env.os(name) {
                None => Err(missing(&format!("the variable {name} is not set"))
                    .hint(format!("export {name}=..."))),
                Some(value) => match value.to_str() {
                    Some(text) => usable(text.to_owned(), &format!("${name}")),
                    None => Err(missing(&format!("the variable {name} is not valid UTF-8"))),
                },
            },
            Stored::File(path) => read_file(path),
            Stored::Command(words) => run(words, &self.describe(key)),
            Stored::Literal(secret, _) => usable(secret.expose().to_owned(), &self.describe(key)),
        }
    }
}

/// Returns the variable that holds a profile's own token.
pub fn variable_of_profile(profile: &str) -> String {
    let name: String = profile
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect();
    format!("REINFER_TOKEN_{name}")
}

fn missing(what: &str) -> Failure {
    Failure::usage(format!("no token: {what}"))
        .fact("rein does not fall back to another token: it may belong to another tenant")
        .fact("nothing was sent")
}

fn read_environment(
    env: &Env,
    own: Option<&str>,
    shared_with: Option<&str>,
    general: bool,
) -> Result<Token> {
    if let Some(own) = own
        && env.os(own).is_some()
    {
        if let Some(other) = shared_with {
            return Err(missing(&format!(
                "the variable {own} would be the token of profile {other} as well"
            ))
            .hint("give each its own: token_env = \"NAME\" in the profile"));
        }
        let secret = Stored::Variable(own.to_owned()).read(env, "token")?;
        return Ok(Token {
            secret,
            source: format!("${own}"),
        });
    }
    if env.os("REINFER_TOKEN").is_some() {
        if !general {
            return Err(missing(
                "REINFER_TOKEN belongs to REINFER_ENDPOINT, which is another endpoint",
            )
            .hint("name the profile's own source: token_env, token_file, token_command"));
        }
        let secret = Stored::Variable("REINFER_TOKEN".to_owned()).read(env, "token")?;
        return Ok(Token {
            secret,
            source: "$REINFER_TOKEN".to_owned(),
        });
    }
    let tried = match own {
        Some(own) => format!("neither {own} nor REINFER_TOKEN is set"),
        None => "the variable REINFER_TOKEN is not set".to_owned(),
    };
    Err(Failure::usage(format!("no token: {tried}"))
        .fact("nothing was sent")
        .hint("export REINFER_TOKEN=..., or name a source in the profile: token_env, token_file, token_command")
        .hint("create a token in the web application: My Account, API token"))
}

/// Checks a token's text without ever showing it; one final line break is cut off.
fn usable(text: String, source: &str) -> Result<Secret> {
    let text = Secret::new(text);
    let value = text.expose();
    let value = value.strip_suffix('\n').unwrap_or(value);
    let value = value.strip_suffix('\r').unwrap_or(value);
    let problem = if value.trim().is_empty() {
        "is empty"
    } else if value.chars().any(|c| c.is_control() || c.is_whitespace()) {
        "contains whitespace or control characters; give the bare token, without \"Bearer \""
    } else if !value.is_ascii() {
        "contains characters that cannot be in a header"
    } else {
        return Ok(Secret::new(value.to_owned()));
    };
    Err(missing(&format!("the value from {source} {problem}")))
}

fn read_stdin() -> Result<Secret> {
    read_limited(std::io::stdin().lock(), "standard input")
}

/// Opens a file without waiting for a pipe's writer.
fn open(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NONBLOCK.bits().cast_signed(),
    );
    options.open(path)
}

/// Reads a file that holds the token of this call. Its permissions are those of what was opened:
/// the name may lead elsewhere a moment later.
fn read_file(path: &Path) -> Result<Secret> {
    let shown = path.display().to_string();
    let shown = sanitise(&shown);
    let cannot =
        |error: &std::io::Error| missing(&format!("cannot read {shown}: {}", io_reason(error)));
    let file = File::open(path).map_err(|error| cannot(&error))?;
    let metadata = file.metadata().map_err(|error| cannot(&error))?;
    if metadata.is_dir() {
        return Err(missing(&format!("{shown} is a directory")));
    }
    let change = |what: &str| {
        format!(
            "chmod {what} {}",
            shell_words::quote(&path.to_string_lossy())
        )
    };
    if metadata.is_file() && has_mode(&metadata, 0o022) {
        return Err(
            missing(&format!("the token file {shown} can be written by others"))
                .hint(change("go-w")),
        );
    }
    let secret = read_limited(file, &shown)?;
    if metadata.is_file() && has_mode(&metadata, 0o044) {
        note(&format!(
            "warning: the token file {shown} can be read by others: {}",
            sanitise(&change("go-r"))
        ));
    }
    Ok(secret)
}

fn read_limited(source: impl Read, name: &str) -> Result<Secret> {
    let mut bytes = Vec::new();
    source
        .take(MAX_TOKEN_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| missing(&format!("cannot read {name}: {}", io_reason(&error))))?;
    if bytes.len() as u64 > MAX_TOKEN_BYTES {
        return Err(missing(&format!("{name} is too large for a token")));
    }
    let text =
        String::from_utf8(bytes).map_err(|_| missing(&format!("{name} is not valid UTF-8")))?;
    usable(text, name)
}

/// Returns whether a file has one of these permissions; where there are none, it has not.
#[cfg(unix)]
fn has_mode(metadata: &std::fs::Metadata, mode: u32) -> bool {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & mode != 0
}

/// Returns whether a file has one of these permissions; where there are none, it has not.
#[cfg(not(unix))]
fn has_mode(_metadata: &std::fs::Metadata, _mode: u32) -> bool {
    false
}

/// Runs a command for its standard output: no shell, no input, its errors straight to the
/// terminal and never into our messages, because such programs print secrets when they fail.
fn run(words: &[String], name: &str) -> Result<Secret> {
    let Some((program, args)) = words.split_first() else {
        return Err(missing(&format!("{name} is empty")));
    };
    let mut command = Command::new(program);
    command
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let Started {
        running, stdout, ..
    } = signal::spawn(&mut command)
        .map_err(|error| missing(&format!("{name} cannot be started: {}", io_reason(&error))))?;
    let Some(stdout) = stdout else {
        return Err(missing(&format!("{name} has no output")));
    };
    let deadline = Instant::now() + COMMAND_TIME;
    let output = read_in_time(stdout, deadline);
    let ended = output
        .is_some()
        .then(|| wait_in_time(&running, deadline))
        .flatten();
    signal::forget_child();
    let (Some(bytes), Some(status)) = (output, ended) else {
        running.end();
        return Err(missing(&format!(
            "{name} did not end within {} s",
            COMMAND_TIME.as_secs()
        )));
    };
    if bytes.len() as u64 > MAX_TOKEN_BYTES {
        running.end();
        return Err(missing(&format!("{name} printed too much for a token")));
    }
    if !status.success() {
        let how = status
            .code()
            .map_or("was ended by a signal".to_owned(), |code| {
                format!("ended with {code}")
            });
        return Err(missing(&format!("{name} {how}")));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| missing(&format!("{name} printed text that is not valid UTF-8")))?;
    usable(text, name)
}

/// Reads to the end, or to one byte more than a token may have; `None` when time is up.
fn read_in_time(source: impl Read + Send + 'static, deadline: Instant) -> Option<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _unreadable = source.take(MAX_TOKEN_BYTES + 1).read_to_end(&mut bytes);
        let _too_late = sender.send(bytes);
    });
    receiver
        .recv_timeout(deadline.saturating_duration_since(Instant::now()))
        .ok()
}

fn wait_in_time(running: &Running, deadline: Instant) -> Option<std::process::ExitStatus> {
    loop {
        match running.poll() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(2)),
            Ok(None) | Err(_) => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "SEKRET-0123";

    fn stored(words: &[&str]) -> Stored {
        Stored::Command(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn values_are_checked_and_never_shown() {
        for (text, usable) in [
            (CANARY, true),
            ("SEKRET-0123\n", true),
            ("SEKRET-0123\r\n", true),
            ("", false),
            (" ", false),
            ("\n", false),
            ("SEKRET-0123\n\n", false),
            ("SEKRET\r0123", false),
            (" SEKRET-0123", false),
            ("SEKRET-é", false),
        ] {
            let env = Env::with_vars([("T", text)]);
            let read = Stored::Variable("T".to_owned()).read(&env, "token");
            assert_eq!(read.is_ok(), usable, "{text:?}");
            match read {
                Ok(secret) => assert_eq!(secret.expose(), CANARY),
                Err(failure) => assert!(!failure.to_string().contains("SEKRET"), "{failure}"),
            }
        }
    }

    #[test]
    fn the_environment_is_tried_in_order() {
        let source = TokenSource::Environment {
            own: Some("REINFER_TOKEN_DEV".to_owned()),
            shared_with: None,
            general: true,
        };
        let both = Env::with_vars([("REINFER_TOKEN_DEV", "own"), ("REINFER_TOKEN", "general")]);
        assert_eq!(
            source.read(&both).expect("a token").source,
            "$REINFER_TOKEN_DEV"
        );
        let general = Env::with_vars([("REINFER_TOKEN", "general")]);
        assert_eq!(
            source.read(&general).expect("a token").source,
            "$REINFER_TOKEN"
        );
        let empty_own = Env::with_vars([("REINFER_TOKEN_DEV", ""), ("REINFER_TOKEN", "general")]);
        assert!(
            source.read(&empty_own).is_err(),
            "an empty own token is no reason for another"
        );
        assert!(source.read(&Env::default()).is_err());
    }

    #[test]
    fn a_variable_that_two_profiles_share_is_refused() {
        assert_eq!(
            variable_of_profile("prod-eu"),
            variable_of_profile("prod_eu")
        );
        let source = TokenSource::Environment {
            own: Some("REINFER_TOKEN_PROD_EU".to_owned()),
            shared_with: Some("prod_eu".to_owned()),
            general: true,
        };
        assert!(
            source
                .read(&Env::with_vars([("REINFER_TOKEN_PROD_EU", "x")]))
                .is_err()
        );
    }

    #[cfg(unix)]
    #[test]
    fn commands_are_run_without_a_shell_and_may_fail() {
        let env = Env::default();
        assert_eq!(
            stored(&["printf", "%s", "$HOME;x"])
                .read(&env, "token")
                .expect("a token")
                .expose(),
            "$HOME;x"
        );
        for words in [
            &["false"][..],
            &["true"],
            &["/nonexistent/x"],
            &["printf", "a b"],
            &[],
            &["head", "-c", "70000", "/dev/zero"],
        ] {
            assert!(stored(words).read(&env, "token").is_err(), "{words:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_token_file_must_not_be_writable_by_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t");
        std::fs::write(&path, "SEKRET-0123\n").expect("written");
        for (mode, usable) in [
            (0o600, true),
            (0o400, true),
            (0o444, true),
            (0o664, false),
            (0o646, false),
        ] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("a mode");
            assert_eq!(read_file(&path).is_ok(), usable, "{mode:o}");
        }
    }
}
