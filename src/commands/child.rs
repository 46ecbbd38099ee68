//! Runs the installed curl: which one, how it gets the token, what becomes of its output, and how
//! signals reach it.

use std::any::Any;
use std::ffi::OsString;
use std::fs::Metadata;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

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
    let is_curl = |path: &PathBuf| {
        let file = std::fs::metadata(path).ok().filter(Metadata::is_file);
        let is_own = |file| own.as_ref().is_some_and(|own| files::is_same(own, file));
        file.as_ref().is_some_and(|file| !is_own(file))
    };
    if let Some(path) = env.path("REIN_CURL") {
        let shown = path.to_string_lossy();
        let what = format!("REIN_CURL does not name a curl: {}", sanitise(&shown));
        let named = Some(path.to_owned()).filter(is_curl);
        return named.ok_or_else(|| Failure::unsent(what));
    }
    let name = if cfg!(windows) { "curl.exe" } else { "curl" };
    let folders = std::env::split_paths(env.os("PATH").unwrap_or_default());
    // A relative folder is the current directory's, from which nothing is run.
    let mut paths = folders
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name));
    paths
        .find(is_curl)
        .ok_or_else(|| Failure::unsent("no curl is installed"))
}

/// Runs curl and waits for its end. Where a signal ended curl, the same signal ends this process.
///
/// `is_own` says whether a URL is a profile's: its server's text must not control the terminal.
/// Variables that hold one of the `tokens`, or what is handed over, are not passed on.
///
/// # Errors
/// Fails (exit 2) when curl cannot be started.
pub(crate) fn run(
    program: &Path,
    words: &[Word],
    is_own: bool,
    mut tokens: Finder,
    env: &Env,
) -> Result<Exit> {
    let mut command = Command::new(program);
    let (mut handovers, mut secrets) = (Vec::new(), Vec::new());
    for word in words {
        match word {
            Word::Plain(word) => {
                command.arg(word);
            }
            Word::Secret(setting, secret) => {
                let Some(secret) = secret else { continue };
                let handed = hand_over(setting, secret);
                let (path, handover) =
                    handed.map_err(failed("the token cannot be handed to curl"))?;
                command.arg("-K").arg(path);
                handovers.push(handover);
                tokens.learn(secret, "");
                secrets.push(secret.clone());
            }
        }
    }
    for (name, value) in env.all() {
        if tokens.find(value.as_encoded_bytes()).is_some() {
            command.env_remove(name);
        }
    }
    if stdout::check_open().is_err() {
        // Its writes fail, as they would without rein.
        command.stdout(std::fs::File::open("/dev/null").map_or(Stdio::null(), Stdio::from));
    } else if is_own && env.stdout_terminal {
        command.stdout(Stdio::piped());
    }
    if is_own {
        command.stderr(Stdio::piped());
    }
    let spawned = signal::forward_to(|| command.env(RUNNING, "1").spawn());
    let mut child = spawned.map_err(failed("curl cannot be run"))?;
    // The progress meter goes back to the beginning of its line.
    let messages = env.stderr_terminal.then_some(b'\r');
    let secrets = &secrets;
    let status = std::thread::scope(|scope| {
        if let Some(from) = child.stdout.take() {
            scope.spawn(|| pump(from, io::stdout(), secrets, Some(b'\n')));
        }
        if let Some(from) = child.stderr.take() {
            pump(from, io::stderr(), secrets, messages);
        }
        signal::wait_for(&mut child)
    });
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
fn pump(mut from: impl Read, mut to: impl Write, secrets: &[Secret], screen: Option<u8>) {
    let redactor = |secret: &Secret| StreamRedactor::new(Some(secret.clone()));
    let mut redactors: Vec<StreamRedactor> = secrets.iter().map(redactor).collect();
    let mut sanitiser = TextSanitiser::default();
    let mut block = [0; 8 * 1024];
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
        // A token can be longer than what a pipe holds; then a thread writes the rest.
        rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::NONBLOCK)?;
        let written = writer.write(text.as_bytes())?;
        if written < text.len() {
            rustix::fs::fcntl_setfl(&writer, rustix::fs::OFlags::empty())?;
            std::thread::spawn(move || {
                let _curl_has_ended = writer.write_all(&text.as_bytes()[written..]);
            });
        }
        let path = format!("/dev/fd/{}", reader.as_raw_fd());
        return Ok((path.into(), Box::new(reader)));
    }
    // Readable by the user alone from its first byte.
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(text.as_bytes())?;
    let path = file.into_temp_path();
    Ok((path.as_os_str().to_owned(), Box::new(path)))
}
