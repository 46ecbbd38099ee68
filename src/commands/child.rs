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
        return Err(
            Failure::unsent("the curl that rein runs leads back to rein")
                .hint("name the real one: REIN_CURL=/usr/bin/curl"),
        );
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
        let shown = path.to_string_lossy();
        return match path.is_file() && !is_rein(path) {
            true => Ok(path.to_owned()),
            false => Err(Failure::unsent(format!(
                "REIN_CURL does not name a curl: {}",
                sanitise(&shown)
            ))),
        };
    }
    let name = if cfg!(windows) { "curl.exe" } else { "curl" };
    std::env::split_paths(env.os("PATH").unwrap_or_default())
        // A relative folder is the current directory's, from which nothing is run.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| is_executable(path) && !is_rein(path))
        .ok_or_else(|| Failure::unsent("no curl is installed"))
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
        let (setting, secret) = match word {
            Word::Plain(word) => {
                command.arg(word);
                continue;
            }
            Word::Token(passed) => (
                "header = \"Authorization: Bearer ",
                passed.as_ref().or(run.token.as_ref()),
            ),
            Word::Proxy(proxy) => ("proxy = \"", Some(proxy)),
        };
        if let Some(secret) = secret {
            let (path, handover) = hand_over(setting, secret).map_err(|error| {
                let why = io_reason(&error);
                Failure::local(format!("cannot hand the token to curl: {why}"))
                    .fact("nothing was sent")
            })?;
            command.arg("-K").arg(path);
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
        let curl = run.curl.to_string_lossy();
        let why = io_reason(&error);
        Failure::unsent(format!("cannot run {}: {why}", sanitise(&curl)))
    })?;
    let messages = env.stderr_terminal.then_some(Screen::Messages);
    let pumps = [
        (child.stdout.take())
            .map(|from| pump(from, io::stdout(), secrets.clone(), Some(Screen::Body))),
        (child.stderr.take()).map(|from| pump(from, io::stderr(), secrets.clone(), messages)),
    ];
    let status = signal::wait_for(&mut child);
    for pump in pumps.into_iter().flatten() {
        let _ends_with_curl = pump.join();
    }
    drop(handovers);
    let status = status.map_err(|error| {
        Failure::local(format!("curl's end was not seen: {}", io_reason(&error)))
    })?;
    signal::end_like(status);
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(Exit::Curl(code.unwrap_or(1)))
}

/// What is shown on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Screen {
    Body,
    Messages,
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
        // The progress meter goes back to the beginning of its line.
        let returns = |byte: &u8| *byte == b'\r' && screen == Some(Screen::Messages);
        loop {
            let read = from.read(&mut block).unwrap_or(0);
            let mut text = block[..read].to_vec();
            for redactor in &mut redactors {
                text = redactor.push(&text);
                if read == 0 {
                    text.extend(redactor.finish());
                }
            }
            if screen.is_some() {
                let mut shown = Vec::with_capacity(text.len());
                for (index, part) in text.split(returns).enumerate() {
                    shown.extend((index > 0).then_some(b'\r'));
                    sanitiser.push(part, &mut shown);
                }
                if read == 0 {
                    sanitiser.finish(&mut shown);
                }
                text = shown;
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
