//! Runs the installed curl: which one, how it gets the token, what becomes of its output, and how
//! signals reach it.

use std::any::Any;
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
use crate::plan::curl::line::Word;
use crate::secret::Secret;
use crate::secret::search::Finder;
use crate::secret::stream::StreamRedactor;
use crate::signal;
use crate::text::terminal::{TextSanitiser, sanitise};

/// Set for curl, so that a `curl` that leads back to rein is noticed.
const RUNNING: &str = "REIN_CURL_RUNNING";

/// What curl is run with.
pub(crate) struct Run {
    pub(crate) program: PathBuf,
    pub(crate) words: Vec<Word>,
    /// The profile's token, where it is handed over.
    pub(crate) token: Option<Secret>,
    /// Whether the server's text must not control the terminal, where there is one.
    pub(crate) is_own: bool,
    /// Finds the tokens that no variable of curl's may hold.
    pub(crate) tokens: Finder,
}

/// Checks that this is not the curl that rein runs.
///
/// # Errors
/// Fails (exit 2) when it is.
pub(crate) fn refuse_a_loop(env: &Env) -> Result<()> {
    let failure = Failure::unsent("the curl that rein runs leads back to rein")
        .hint("name the real one: REIN_CURL=/usr/bin/curl");
    (!env.is_set(RUNNING)).then_some(()).ok_or(failure)
}

/// Finds the curl to run: the one that `REIN_CURL` names, or the first in `PATH` that is not rein.
///
/// # Errors
/// Fails (exit 2) when there is none.
pub(crate) fn find(env: &Env) -> Result<PathBuf> {
    let own = std::env::current_exe().and_then(std::fs::metadata).ok();
    let is_curl = |path: &PathBuf| match (&own, std::fs::metadata(path)) {
        (Some(own), Ok(other)) => other.is_file() && !files::is_same(own, &other),
        (_, other) => other.is_ok_and(|other| other.is_file()),
    };
    if let Some(path) = env.path("REIN_CURL") {
        let shown = path.to_string_lossy();
        let what = format!("REIN_CURL does not name a curl: {}", sanitise(&shown));
        return Some(path.to_owned())
            .filter(is_curl)
            .ok_or_else(|| Failure::unsent(what));
    }
    let name = if cfg!(windows) { "curl.exe" } else { "curl" };
    std::env::split_paths(env.os("PATH").unwrap_or_default())
        // A relative folder is the current directory's, from which nothing is run.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(is_curl)
        .ok_or_else(|| Failure::unsent("no curl is installed"))
}

/// Runs curl and waits for its end. Where a signal ended curl, the same signal ends this process.
///
/// # Errors
/// Fails (exit 2) when curl cannot be started.
pub(crate) fn run(run: &Run, env: &Env) -> Result<Exit> {
    let mut command = Command::new(&run.program);
    for (name, value) in env.beginning_with("") {
        if run.tokens.find(value.as_bytes()).is_some() {
            command.env_remove(name);
        }
    }
    let (mut handovers, mut secrets) = (Vec::new(), Vec::new());
    for word in &run.words {
        let (setting, secret) = match word {
            Word::Plain(word) => {
                command.arg(word);
                continue;
            }
            Word::Secret(setting, secret) => (setting, secret.as_ref().or(run.token.as_ref())),
        };
        let Some(secret) = secret else { continue };
        let handed = hand_over(setting, secret);
        let (path, handover) = handed.map_err(failed("the token cannot be handed to curl"))?;
        command.arg("-K").arg(path);
        handovers.push(handover);
        secrets.push(secret.clone());
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
    let spawned = signal::forward_to(|| command.env(RUNNING, "1").spawn());
    let mut child = spawned.map_err(failed("curl cannot be run"))?;
    // The progress meter goes back to the beginning of its line.
    let messages = env.stderr_terminal.then_some(b'\r');
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let stdout = stdout.map(|from| pump(from, io::stdout(), &secrets, Some(b'\n')));
    let stderr = stderr.map(|from| pump(from, io::stderr(), &secrets, messages));
    let status = signal::wait_for(&mut child);
    for pump in stdout.into_iter().chain(stderr) {
        let _ends_with_curl = pump.join();
    }
    drop(handovers);
    let status = status.map_err(failed("cannot wait for curl"))?;
    signal::end_like(status);
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(Exit::Curl(code.unwrap_or(1)))
}

fn failed(what: &'static str) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::usage(format!("{what}: {}", io_reason(&error)))
}

/// Passes on what curl writes, secrets redacted, and on a screen with control characters made
/// visible, all but the one that is given.
fn pump(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    secrets: &[Secret],
    screen: Option<u8>,
) -> JoinHandle<()> {
    let redactor = |secret: &Secret| StreamRedactor::new(Some(secret.clone()));
    let mut redactors: Vec<StreamRedactor> = secrets.iter().map(redactor).collect();
    std::thread::spawn(move || {
        let mut sanitiser = TextSanitiser::default();
        let mut block = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut block).unwrap_or(0);
            let mut text = block[..read].to_vec();
            for redactor in &mut redactors {
                text = redactor.push(&text);
                text.extend((read == 0).then(|| redactor.finish()).into_iter().flatten());
            }
            if let Some(kept) = screen {
                let mut safe = Vec::with_capacity(text.len());
                for (index, part) in text.split(|byte| *byte == kept).enumerate() {
                    safe.extend((index > 0).then_some(kept));
                    sanitiser.push(part, &mut safe);
                }
                if read == 0 {
                    sanitiser.finish(&mut safe);
                }
                text = safe;
            }
            let written = to.write_all(&text).and_then(|()| to.flush());
            if read == 0 || written.is_err() {
                break;
            }
        }
    })
}

/// Makes a config file of curl's that holds a secret: a pipe, or, where a descriptor has no name, a
/// file. Returns its name, and what must be kept until curl has ended and then be dropped.
fn hand_over(setting: &str, secret: &Secret) -> io::Result<(OsString, Box<dyn Any>)> {
    let escaped = Zeroizing::new(secret.expose().replace('\\', "\\\\").replace('"', "\\\""));
    let text = Zeroizing::new(format!("{setting}{}\"\n", *escaped));
    #[cfg(unix)]
    if Path::new("/dev/fd").exists() {
        use std::os::fd::AsRawFd;
        let (reader, mut writer) = io::pipe()?;
        // Only curl is started after this.
        rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty())?;
        // A token can be longer than what a pipe holds.
        std::thread::spawn(move || {
            let _curl_has_ended = writer.write_all(text.as_bytes());
        });
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        return Ok((path.into(), Box::new(reader)));
    }
    // Readable by the user alone from its first byte.
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    let path = file.into_temp_path();
    Ok((path.as_os_str().to_owned(), Box::new(path)))
}
