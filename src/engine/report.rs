//! What is reported about a call when it has ended: `--meta` and `-w`.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use crate::console::annotation::{defuse, defuse_json};
use crate::console::stdout;
use crate::engine::Context;
use crate::engine::response::unwritten;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::file::cannot_write;
use crate::output::record::Record;
use crate::output::write_out::{Echoes, Sink, WriteOut};
use crate::output::{junit, meta};
use crate::signal::shutdown;
use crate::text::lexical::{Formatter, Layout};
use crate::text::terminal::{Theme, sanitise_text};

/// What is to report about a call when it has ended.
#[derive(Default)]
pub(crate) struct Wanted<'a> {
    /// Where the object of `--meta` goes to.
    pub(crate) meta: Option<&'a OsStr>,
    /// The format of `-w`.
    pub(crate) write_out: Option<WriteOut>,
    /// Where the report of the checks goes to.
    pub(crate) report: Option<PathBuf>,
}

/// Leaves the object of `--meta` in its file, should a signal end the process before it is written:
/// that of an earlier call must not be there for this one's. A pipe that waits for its reader
/// and the like are left alone.
pub(crate) fn write_meta_on_signal(file: Option<&OsStr>, record: &Record) {
    let Some(file) = file.filter(|file| *file != "-").map(Path::new) else {
        return;
    };
    if std::fs::metadata(file).is_ok_and(|found| !found.is_file()) {
        return;
    }
    let record = record.clone();
    shutdown::leave(file, move |exit| {
        let failure = Failure::new(exit, "interrupted by a signal");
        format!("{}\n", meta::object(&record, Err(&failure)))
    });
}

/// Writes what was asked for about a call, and returns how the call ended.
///
/// # Errors
/// Fails as the call did, or when what is reported cannot be written.
pub(crate) fn tell(
    record: &Record,
    result: Result<Exit>,
    wanted: &Wanted<'_>,
    cx: &Context,
) -> Result<Exit> {
    let shown = result.as_ref().map(|exit| *exit);
    let mut written = Ok(());
    if let Some(file) = &wanted.report {
        let attempts = &record.attempts;
        let call = format!("{} {}", attempts.method_name(), attempts.path());
        written = write_file(file, &junit::report(&call, record, shown));
    }
    if let Some(format) = &wanted.write_out {
        let as_it_is = format.render(record, shown, Echoes::Shown);
        let redacted = format.render(record, shown, Echoes::Redacted);
        for ((sink, text), (_, redacted)) in as_it_is.iter().zip(&redacted) {
            written = written.and(write(sink, text, redacted, record, cx));
        }
    }
    if let Some(file) = wanted.meta {
        let object = meta::object(record, shown);
        shutdown::withdraw();
        written = written.and(write_meta(file, object, cx));
    }
    match (result, written) {
        (Ok(exit), written) => written.map(|()| exit),
        // Where nothing was sent there is nothing that could be lost.
        (Err(failure), Err(write)) if record.attempts.requests > 0 => {
            Err(unwritten(failure, write))
        }
        (Err(failure), _) => Err(failure),
    }
}

/// Writes a report to its file.
///
/// # Errors
/// Fails when it cannot be written.
pub(crate) fn write_file(file: &Path, report: &[u8]) -> Result<()> {
    std::fs::write(file, report).map_err(|error| cannot_write(&file.to_string_lossy(), &error))
}

/// Writes an object of metadata to its file, or to standard error for `-`.
///
/// # Errors
/// Fails when the file cannot be written.
pub(crate) fn write_meta(file: &OsStr, object: String, cx: &Context) -> Result<()> {
    if file != "-" {
        return write_meta_file(file, &object)
            .map_err(|error| cannot_write(&file.to_string_lossy(), &error));
    }
    let object = match cx.env.stderr_terminal {
        true => escaped(&object),
        false => object,
    };
    stdout::note(&match cx.env.is_read_for_commands() {
        true => defuse_json(&object),
        false => object,
    });
    Ok(())
}

fn write_meta_file(file: &OsStr, object: &str) -> io::Result<()> {
    let mut file = File::create(file)?;
    let shown = if file.is_terminal() {
        escaped(object)
    } else {
        object.to_owned()
    };
    file.write_all(format!("{shown}\n").as_bytes())
}

/// Returns JSON whose texts hold what could drive a terminal as escapes, which mean the same.
fn escaped(json: &str) -> String {
    let mut shown = Vec::new();
    let mut formatter = Formatter::new(Layout::Compact, &Theme::plain(), true);
    let _our_own = formatter
        .push(json.as_bytes(), &mut shown)
        .and_then(|()| formatter.finish(&mut shown));
    String::from_utf8_lossy(&shown).trim_end().to_owned()
}

/// Returns a text as its destination may have it: a terminal without what could drive it
/// and without an echoed token, anything else as it is.
fn fit<'a>(text: &'a str, redacted: &str, terminal: bool, record: &Record) -> Cow<'a, str> {
    if terminal {
        let clean = record.attempts.redactor.clean(redacted);
        Cow::Owned(sanitise_text(&clean).into_owned())
    } else {
        Cow::Borrowed(text)
    }
}

fn write(sink: &Sink, text: &str, redacted: &str, record: &Record, cx: &Context) -> Result<()> {
    let fit = |terminal| fit(text, redacted, terminal, record);
    let written = match sink {
        Sink::Stdout => print(&fit(cx.env.stdout_terminal)),
        Sink::Stderr => {
            let text = fit(cx.env.stderr_terminal);
            let text = if cx.env.is_read_for_commands() {
                defuse(&text)
            } else {
                text
            };
            // That nobody can read it changes nothing.
            let _unreadable = io::stderr().write_all(text.as_bytes());
            Ok(())
        }
        Sink::File(file, append) => {
            let mut options = OpenOptions::new();
            options
                .create(true)
                .write(true)
                .append(*append)
                .truncate(!*append);
            return options
                .open(file)
                .and_then(|mut file| {
                    let text = fit(file.is_terminal());
                    file.write_all(text.as_bytes())
                })
                .map_err(|error| cannot_write(file, &error));
        }
    };
    written.map_err(|error| cannot_write("standard output", &error))
}

fn print(text: &str) -> io::Result<()> {
    match stdout::print(text) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
