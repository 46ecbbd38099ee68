//! Runs the installed curl: which one, how it gets the token, what becomes of its output, and how
//! signals reach it.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use zeroize::Zeroizing;

use crate::console::stdout;
use crate::env::Env;
use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::files;
use crate::plan::curl::Word;
use crate::secret::Secret;
use crate::secret::stream::StreamRedactor;
use crate::signal;
use crate::text::terminal::{TextSanitiser, sanitise};

/// Set for curl, so that a `curl` that leads back to rein is noticed.
const RUNNING: &str = "REIN_CURL_RUNNING";

/// What curl is run with.
pub(crate) struct Run {
    pub(crate) curl: PathBuf,
    pub(crate) words: Vec<Word>,
    /// The profile's token, where it is handed over.
    pub(crate) token: Option<Secret>,
    /// The variables that curl does not get.
    pub(crate) withheld: Vec<String>,
    /// Whether the server's text must not control the terminal, where there is one.
    pub(crate) is_own: bool,
}

/// Checks that this is not the curl that rein runs.
///
/// # Errors
/// Fails (exit 2) when it is.
pub(crate) fn refuse_a_loop(env: &Env) -> Result<()> {
    if env.is_set(RUNNING) {
        return Err(Failure::usage("the curl that rein runs leads back to rein")
            .fact("nothing was sent")
            .hint("name the real one: REIN_CURL=/usr/bin/curl"));
    }
    Ok(())
}

/// Finds the curl to run: the one that `REIN_CURL` names, or the first in `PATH` that is not rein.
///
/// # Errors
/// Fails (exit 2) when there is none.
pub(crate) fn find(env: &Env) -> Result<PathBuf> {
    let own = std::env::current_exe().and_then(std::fs::metadata).ok();
    let is_rein = |path: &Path| match (&own, std::fs::metadata(path)) {
        (Some(own), Ok(other)) => files::is_same(own, &other),
        _ => false,
    };
    if let Some(path) = env.path("REIN_CURL") {
        return match path.is_file() && !is_rein(path) {
            true => Ok(path.to_owned()),
            false => Err(Failure::usage(format!(
                "REIN_CURL does not name a curl: {}",
                sanitise(&path.to_string_lossy())
            ))
            .fact("nothing was sent")),
        };
    }
    let name = if cfg!(windows) { "curl.exe" } else { "curl" };
    std::env::split_paths(env.os("PATH").unwrap_or_default())
        // A relative folder is the current directory's, from which nothing is run.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| is_executable(path) && !is_rein(path))
        .ok_or_else(|| Failure::usage("no curl is installed").fact("nothing was sent"))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

/// Runs curl and waits for its end. Where a signal ended curl, the same signal ends this process.
///
/// # Errors
/// Fails (exit 2) when curl cannot be started.
pub(crate) fn run(run: &Run, env: &Env) -> Result<Exit> {
    let mut command = Command::new(&run.curl);
    command.env(RUNNING, "1");
    for name in &run.withheld {
        command.env_remove(name);
    }
    let mut handovers = Vec::new();
    let mut secrets = Vec::new();
    for word in &run.words {
        let (option, secret) = match word {
            Word::Plain(word) => {
                command.arg(word);
                continue;
            }
            Word::Token(passed) => (BEARER, passed.as_ref().or(run.token.as_ref())),
            Word::Proxy(proxy) => ("proxy = \"", Some(proxy)),
        };
        if let Some(secret) = secret {
            let handover = Handover::new(option, secret)?;
            command.arg("-K").arg(&handover.path);
            handovers.push(handover);
            secrets.push(secret.clone());
        }
    }
    if stdout::check_open().is_err() {
        // Its writes fail, as they would without rein.
        command.stdout(std::fs::File::open("/dev/null").map_or(Stdio::null(), Stdio::from));
    } else if run.is_own && env.stdout_terminal {
        command.stdout(Stdio::piped());
    }
    if run.is_own {
        command.stderr(Stdio::piped());
    }
    let mut child = signal::forward_to(|| command.spawn()).map_err(|error| {
        Failure::usage(format!(
            "cannot run {}: {}",
            sanitise(&run.curl.to_string_lossy()),
            io_reason(&error)
        ))
        .fact("nothing was sent")
    })?;
    let files: Vec<_> = handovers.into_iter().map(Handover::deliver).collect();
    let messages = env.stderr_terminal.then_some(Screen::Messages);
    let secrets = || secrets.clone();
    let pumps = [
        (child.stdout.take()).map(|from| pump(from, io::stdout(), secrets(), Some(Screen::Body))),
        (child.stderr.take()).map(|from| pump(from, io::stderr(), secrets(), messages)),
    ];
    let status = signal::wait_for(&mut child);
    for pump in pumps.into_iter().flatten() {
        let _ends_with_curl = pump.join();
    }
    drop(files);
    let status = status.map_err(|error| {
        Failure::local(format!("curl's end was not seen: {}", io_reason(&error)))
    })?;
    signal::end_like(status);
    Ok(Exit::Curl(
        status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .unwrap_or(1),
    ))
}

/// Passes on what curl writes, the token redacted, and on a terminal with control characters made
/// visible.
fn pump(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    secrets: Vec<Secret>,
    screen: Option<Screen>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let redactor = |secret| StreamRedactor::new(Some(secret));
        let mut redactors: Vec<StreamRedactor> = secrets.into_iter().map(redactor).collect();
        let mut sanitiser = TextSanitiser::default();
        let mut block = vec![0; 64 * 1024];
        loop {
            // What the redactor holds back is the beginning of a token or the end of the output.
            let read = from.read(&mut block).unwrap_or(0);
            let text = redactors
                .iter_mut()
                .fold(block[..read].to_vec(), |text, redactor| {
                    let mut shown = redactor.push(&text);
                    if read == 0 {
                        shown.extend(redactor.finish());
                    }
                    shown
                });
            let mut shown = Vec::with_capacity(text.len());
            match screen {
                None => shown = text,
                Some(Screen::Body) => sanitiser.push(&text, &mut shown),
                // The progress meter goes back to the beginning of its line.
                Some(Screen::Messages) => {
                    for (index, part) in text.split(|byte| *byte == b'\r').enumerate() {
                        if index > 0 {
                            shown.push(b'\r');
                        }
                        sanitiser.push(part, &mut shown);
                    }
                }
            }
            if read == 0 {
                sanitiser.finish(&mut shown);
            }
            let written = to.write_all(&shown).and_then(|()| to.flush());
            if read == 0 || written.is_err() {
                break;
            }
        }
    })
}

/// What is shown on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Screen {
    Body,
    Messages,
}

/// The beginning of the line of a config file that sets the bearer.
const BEARER: &str = "header = \"Authorization: Bearer ";

/// A config file of curl's that holds a secret and is not a lasting file.
struct Handover {
    path: OsString,
    rest: Rest,
}

/// What is left to do when curl runs.
enum Rest {
    /// The end that curl reads, to be closed here, and the end to be written.
    #[cfg(unix)]
    Pipe(std::io::PipeReader, std::io::PipeWriter, Zeroizing<String>),
    /// It is removed when this is dropped.
    File(tempfile::TempPath),
}

impl Handover {
    fn new(option: &str, secret: &Secret) -> Result<Handover> {
        let escaped = secret.expose().replace('\\', "\\\\").replace('"', "\\\"");
        let text = Zeroizing::new(format!("{option}{escaped}\"\n"));
        Handover::try_new(text).map_err(|error| {
            Failure::local(format!(
                "cannot hand the token to curl: {}",
                io_reason(&error)
            ))
            .fact("nothing was sent")
        })
    }

    fn try_new(text: Zeroizing<String>) -> io::Result<Handover> {
        #[cfg(unix)]
        if Path::new("/dev/fd").exists() {
            use std::os::fd::AsRawFd;
            let (reader, writer) = std::io::pipe()?;
            // Only curl is started after this.
            rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty())?;
            return Ok(Handover {
                path: format!("/dev/fd/{}", reader.as_raw_fd()).into(),
                rest: Rest::Pipe(reader, writer, text),
            });
        }
        // Readable by the user alone from its first byte.
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(text.as_bytes())?;
        let path = file.into_temp_path();
        Ok(Handover {
            path: path.as_os_str().to_owned(),
            rest: Rest::File(path),
        })
    }

    /// Writes the token to the pipe, once curl reads from it.
    fn deliver(self) -> Option<tempfile::TempPath> {
        match self.rest {
            #[cfg(unix)]
            Rest::Pipe(reader, mut writer, text) => {
                drop(reader);
                // A token can be longer than what a pipe holds.
                std::thread::spawn(move || {
                    let _curl_has_ended = writer.write_all(text.as_bytes());
                });
                None
            }
            Rest::File(path) => Some(path),
        }
    }
}
