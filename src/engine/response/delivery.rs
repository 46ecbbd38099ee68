//! Opens the destination of a response, writes to it chunk by chunk, and closes it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::Stop;
use crate::console::stdout;
use crate::engine::report::Wanted;
use crate::engine::session::Session;
use crate::error::{Failure, Result, io_reason};
use crate::exit::Exit;
use crate::output::body::{BodyOutput, Destination, Trouble};
use crate::output::dump::Dump;
use crate::output::file;
use crate::output::status;
use crate::output::view::{Screen, View};
use crate::output::write_out::WriteOut;
use crate::plan::delivery::Delivery;
use crate::secret::Secret;
use crate::verdict::explain;
use crate::verdict::sniff::Sniffer;

/// How much of a body is held where a filter looks at it.
const MAX_HELD: u64 = 256 * 1024 * 1024;

/// Up to what size the body of an HTTP error is held.
const MAX_ENVELOPE: usize = 8 * 1024;

/// Up to what size a body is held to see whether more pages follow it.
const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Where a body has come to.
pub(super) struct Reader {
    pub(super) output: BodyOutput,
    /// What the format or filter could not use. It does not end the reading: who answered is reported
    /// by all of the body.
    pub(super) trouble: Option<Failure>,
    /// The body as far as it is needed when it is complete.
    pub(super) kept: Option<Vec<u8>>,
    /// The body, as long as it is small enough to look for more pages in it.
    pub(super) page: Option<Vec<u8>>,
    /// The beginning, where a failure that shows only in the body must print nothing.
    pub(super) held_back: Option<Vec<u8>>,
    /// The body of an HTTP error on a terminal, as long as the error message may say all of it.
    pub(super) envelope: Option<Vec<u8>>,
    /// Whether the reader of our output has gone.
    pub(super) is_closed: bool,
    /// The file or device that is written to, where it is not a standard stream.
    pub(super) file: Option<PathBuf>,
    /// Why that file could not be written. The beginning of the body is read anyway, so that
    /// it can be shown elsewhere.
    pub(super) unwritten: Option<Failure>,
}

impl Reader {
    /// Takes a chunk.
    pub(super) fn take(&mut self, chunk: &[u8], sniffer: &Sniffer) -> Result<(), Stop> {
        if let Some(kept) = &mut self.kept {
            hold(kept, chunk, MAX_HELD)?;
        }
        match &mut self.page {
            Some(page) if page.len() + chunk.len() <= MAX_PAGE_BYTES => {
                page.extend_from_slice(chunk);
            }
            page => *page = None,
        }
        if let Some(failure) = self.unwritten.as_ref()
            && sniffer.is_beyond_the_beginning()
        {
            return Err(Stop::Failed(failure.clone()));
        }
        if self.trouble.is_some() || self.is_closed || self.unwritten.is_some() {
            return Ok(());
        }
        if let Some(envelope) = &mut self.envelope {
            envelope.extend_from_slice(chunk);
            if envelope.len() <= MAX_ENVELOPE {
                return Ok(());
            }
            return self.show_envelope();
        }
        if let Some(held_back) = &mut self.held_back {
            held_back.extend_from_slice(chunk);
            if !sniffer.may_be_a_failure() {
                return self.let_go();
            }
            // What has shown itself as a failure is not shown.
            if sniffer.is_beyond_the_beginning() {
                held_back.clear();
            }
            return Ok(());
        }
        self.show(chunk)
    }

    /// Shows what has been held back.
    pub(super) fn let_go(&mut self) -> Result<(), Stop> {
        match self.held_back.take() {
            Some(held_back) => self.show(&held_back),
            None => Ok(()),
        }
    }

    /// Shows the body of an HTTP error that has been held.
    pub(super) fn show_envelope(&mut self) -> Result<(), Stop> {
        match self.envelope.take() {
            Some(envelope) => self.show(&envelope),
            None => Ok(()),
        }
    }

    /// Shows the body of an HTTP error that has been held, unless an error message has its text
    /// and there is nothing else in it.
    /// `status` is the line of the response that the headline begins with.
    pub(super) fn fold_envelope(&mut self, headline: &str, status: &str) -> Result<(), Stop> {
        let is_said = |envelope: &[u8]| {
            let Ok(serde_json::Value::Object(members)) = serde_json::from_slice(envelope) else {
                return false;
            };
            let is_known = |(name, value): (&String, &serde_json::Value)| {
                let said = value.as_str().map(|text| explain::unrepeated(text, status));
                match name.as_str() {
                    "status" => value == "error",
                    "message" => said.is_some_and(|said| headline.contains(said)),
                    _ => false,
                }
            };
            members.contains_key("status") && members.iter().all(is_known)
        };
        if self.envelope.as_deref().is_some_and(is_said) {
            self.envelope = None;
        }
        self.show_envelope()
    }

    fn show(&mut self, chunk: &[u8]) -> Result<(), Stop> {
        match self.output.push(chunk) {
            Ok(()) => Ok(()),
            Err(Trouble::Content(failure)) => {
                self.trouble = Some(failure);
                Ok(())
            }
            // What is expected of the response is looked at even where nobody reads it.
            Err(Trouble::Write(error))
                if error.kind() == io::ErrorKind::BrokenPipe && self.kept.is_some() =>
            {
                self.is_closed = true;
                Ok(())
            }
            Err(Trouble::Write(error)) => match stopped(self.file.as_deref(), &error) {
                Stop::Failed(failure) if self.file.is_some() => {
                    self.unwritten = Some(failure);
                    Ok(())
                }
                stop => Err(stop),
            },
        }
    }

    /// Ends the output; returns what is worth reporting. That its reader has gone changes nothing.
    pub(super) fn finish(self) -> Result<Option<String>, Stop> {
        match self.output.finish() {
            Ok(note) => Ok(note),
            Err(Trouble::Content(failure)) => Err(Stop::Failed(failure)),
            Err(Trouble::Write(error)) => match stopped(self.file.as_deref(), &error) {
                Stop::ClosedPipe => Ok(None),
                stop => Err(stop),
            },
        }
    }
}

/// Keeps a chunk of a body.
pub(super) fn hold(body: &mut Vec<u8>, chunk: &[u8], most: u64) -> Result<(), Stop> {
    if (body.len() + chunk.len()) as u64 > most {
        return Err(Stop::Failed(
            Failure::new(
                Exit::TooLarge,
                format!(
                    "the response is larger than {}, too large to be read whole",
                    status::size(most)
                ),
            )
            .hint("ask for less at a time, e.g. limit=100"),
        ));
    }
    body.extend_from_slice(chunk);
    Ok(())
}

/// Opens where a response goes to.
///
/// # Errors
/// Fails when it cannot be written to.
pub(crate) fn open(
    destination: &Destination<'_>,
    view: &View,
    screen: &Screen,
    secret: Option<Secret>,
) -> Result<BodyOutput, Stop> {
    BodyOutput::open(destination, view, screen, secret, None).map_err(|error| match destination {
        Destination::File(path) => Stop::Failed(cannot_write_file(path, &error)),
        _ => cannot_write(&error),
    })
}

/// Writes the header block where `-D` wants it.
pub(crate) fn dump_head(block: &[u8], session: &Session<'_>) -> Result<(), Stop> {
    let Some(place) = session.delivery.dump.as_deref() else {
        return Ok(());
    };
    let named = (place != "-").then(|| Path::new(place));
    Dump::open(place, session.about().redactor.clone())
        .and_then(|mut dump| dump.write(block))
        .map_err(|error| stopped(named, &error))
}

/// Says that the output, or the file that it is, could not be written.
fn stopped(file: Option<&Path>, error: &io::Error) -> Stop {
    match file {
        Some(file) if error.kind() != io::ErrorKind::BrokenPipe => {
            Stop::Failed(cannot_write_file(file, error))
        }
        _ => cannot_write(error),
    }
}

/// Says that a file could not be written.
fn cannot_write_file(file: &Path, error: &io::Error) -> Failure {
    file::cannot_write(&file.to_string_lossy(), error)
}

/// Makes sure, before anything is sent, that every file that a call writes can be written.
///
/// # Errors
/// Fails when one has no name (exit 2), is a folder, or cannot be opened or created (23).
pub(crate) fn check_files(delivery: &Delivery, wanted: &Wanted<'_>) -> Result<()> {
    let is_named = |file: &&OsStr| *file != "-";
    let output = delivery.file.as_deref().map(Path::as_os_str);
    let dump = delivery.dump_file();
    let meta = wanted.meta.filter(is_named);
    let report = wanted.report.as_deref().map(Path::as_os_str);
    let write_out = wanted.write_out.iter().flat_map(WriteOut::files);
    let all = [
        ("-o", output),
        ("-D", dump),
        ("--meta", meta),
        ("--report", report),
    ];
    let all = all
        .into_iter()
        .filter_map(|(option, file)| Some((option, file?)));
    for (option, file) in all.chain(write_out.map(|file| ("-w %output", OsStr::new(file)))) {
        if file.is_empty() {
            return Err(Failure::usage(format!("{option} names no file")).fact("nothing was sent"));
        }
        let path = Path::new(file);
        let checked = match option {
            "-o" => file::check_replaceable(path),
            _ => file::check_writable(path),
        };
        checked.map_err(|error| cannot_write_file(path, &error).fact("nothing was sent"))?;
    }
    if delivery.uses_stdout() {
        stdout::check_open().map_err(|error| unwritable_stdout(&error))?;
    }
    Ok(())
}

fn unwritable_stdout(error: &io::Error) -> Failure {
    Failure::new(
        Exit::Write,
        format!("cannot write to standard output: {}", io_reason(error)),
    )
    .fact("nothing was sent")
}

/// Returns how a call ended whose header block, or what is said about it, could not be written:
/// that is the failure, with the call's own beside it.
pub(crate) fn unwritten(call: Failure, mut write: Failure) -> Failure {
    write.facts.push(call.headline);
    write.facts.extend(call.facts);
    write.hints.extend(call.hints);
    write
}

/// Finishes an output; returns what is worth reporting.
pub(crate) fn finish(output: BodyOutput) -> Result<Option<String>, Stop> {
    output.finish().map_err(|trouble| match trouble {
        Trouble::Write(error) => cannot_write(&error),
        Trouble::Content(failure) => Stop::Failed(failure),
    })
}

/// Says that the output could not be written; a pipe that was closed is not a failure.
pub(crate) fn cannot_write(error: &io::Error) -> Stop {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Stop::ClosedPipe;
    }
    Stop::Failed(Failure::new(
        Exit::Write,
        format!("the output could not be written: {}", io_reason(error)),
    ))
}
