//! The response on its way out: through its renderer to standard output, a file, or nowhere.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::console::annotation::LineGuard;
use crate::console::stdout::{self, stdout};
use crate::error::Failure;
use crate::output::file::{PartFile, is_written_directly};
use crate::output::view::{Filtered, Renderer, Screen, View};
use crate::secret::stream::StreamRedactor;
use crate::secret::{Redactor, Secret};
use crate::text::lexical;
use crate::text::terminal::TextSanitiser;

/// Where a body goes.
#[derive(Debug)]
pub(crate) enum Destination<'a> {
    /// Standard output.
    StandardOutput,
    /// Standard error: what came instead of a file's content.
    StandardError {
        /// Whether CI reads commands from there, of which a body must hold none.
        commands: bool,
    },
    /// A file that appears only when it is complete, or a device.
    File(&'a Path),
    /// Nowhere.
    Nowhere,
}

/// Why a response could not be shown.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It could not be written.
    Write(io::Error),
    /// It is not what the format or filter needs.
    Content(Failure),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Trouble::Write(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Content(failure)
    }
}

/// A body that is being written.
pub(crate) struct BodyOutput {
    out: Out,
    renderer: Renderer,
    /// Hides an echoed token on a terminal before the body is laid out: a cell may be cut.
    redactor: Option<StreamRedactor>,
    /// What it hides, for pages, which come whole.
    secret: Option<Secret>,
    terminal: bool,
    /// Whether a colour may be open where the body breaks off.
    coloured: bool,
    /// What a chunk is laid out into.
    buffer: Vec<u8>,
    /// Whether something was written and did not end a line.
    open_line: bool,
    /// What is worth reporting about the body when it is complete.
    note: Option<String>,
    /// How many bytes have been written.
    written: u64,
    /// Whether whole pages are written instead of chunks.
    paged: bool,
}

/// The way out behind the renderer, where a token that a filter has put together is hidden from a
/// terminal as well.
struct Out {
    target: Target,
    redactor: Option<StreamRedactor>,
}

impl Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.redactor {
            Some(redactor) => self.target.write(&redactor.push(bytes)),
            None => self.target.write(bytes),
        }
    }

    /// Writes what was held back, because it could have been the beginning of a token.
    fn release(&mut self) -> io::Result<()> {
        match &mut self.redactor {
            Some(redactor) => self.target.write(&redactor.finish()),
            None => Ok(()),
        }
    }
}

enum Target {
    StandardOutput(File),
    Device(File),
    StandardError(Option<LineGuard>),
    Part(PartFile),
    Nowhere,
}

impl Target {
    fn open(destination: &Destination<'_>) -> io::Result<Target> {
        Ok(match destination {
            Destination::StandardOutput => Target::StandardOutput(stdout()?),
            Destination::StandardError { commands } => {
                Target::StandardError(commands.then(LineGuard::default))
            }
            Destination::File(path) if is_written_directly(path) => {
                Target::Device(File::options().write(true).open(path)?)
            }
            Destination::File(path) => Target::Part(PartFile::create(path)?),
            Destination::Nowhere => Target::Nowhere,
        })
    }

    fn is_standard_error(&self) -> bool {
        matches!(self, Target::StandardError(_))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Target::StandardOutput(file) | Target::Device(file) => stdout::write(file, bytes),
            Target::StandardError(None) => io::stderr().write_all(bytes),
            Target::StandardError(Some(guard)) => {
                let mut harmless = Vec::new();
                guard.push(bytes, &mut harmless);
                io::stderr().write_all(&harmless)
            }
            Target::Part(part) => part.write_all(bytes),
            Target::Nowhere => Ok(()),
        }
    }
}

impl BodyOutput {
    /// Opens the destination; of items at most `limit` are written.
    ///
    /// # Errors
    /// Fails when a file cannot be created or standard output is not available.
    pub(crate) fn open(
        destination: &Destination<'_>,
        view: &View,
        screen: &Screen,
        secret: Option<Secret>,
        limit: Option<u64>,
    ) -> io::Result<Self> {
        Ok(BodyOutput {
            out: Out {
                target: Target::open(destination)?,
                redactor: secret.clone().map(hiding),
            },
            renderer: view.renderer(screen, limit),
            redactor: secret.map(hiding),
            secret: None,
            terminal: screen.terminal,
            coloured: !screen.theme.key.is_plain(),
            buffer: Vec::new(),
            open_line: false,
            note: None,
            written: 0,
            paged: false,
        })
    }

    /// Returns whether the body goes to a file that is not in its place yet.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.out.target, Target::Part(_))
    }

    /// Returns the unfinished file, while the body goes to one.
    pub(crate) fn part(&self) -> Option<&Path> {
        match &self.out.target {
            Target::Part(part) => Some(part.path()),
            _ => None,
        }
    }

    /// Opens an output for pages; with `resumed`, behind so many bytes of an unfinished file.
    ///
    /// # Errors
    /// Fails as [`BodyOutput::open`] does, and when the unfinished file is not what it was.
    pub(crate) fn open_paged(
        destination: &Destination<'_>,
        renderer: Renderer,
        terminal: bool,
        secret: Option<Secret>,
        resumed: Option<u64>,
    ) -> io::Result<Self> {
        let target = match (destination, resumed) {
            (Destination::File(path), Some(length)) if !is_written_directly(path) => {
                Target::Part(PartFile::resume(path, length)?)
            }
            _ => Target::open(destination)?,
        };
        Ok(BodyOutput {
            out: Out {
                target,
                redactor: secret.clone().map(hiding),
            },
            renderer,
            redactor: None,
            secret,
            terminal,
            coloured: false,
            buffer: Vec::new(),
            open_line: false,
            note: None,
            written: resumed.unwrap_or(0),
            paged: true,
        })
    }

    /// Writes a whole page: one JSON text that has been checked.
    ///
    /// # Errors
    /// Fails when it cannot be written or shown.
    pub(crate) fn page(&mut self, page: &[u8]) -> Result<(), Trouble> {
        const AT_A_TIME: usize = 256 * 1024;
        let hidden;
        let page = match &self.secret {
            Some(secret) => {
                let mut redactor = hiding(secret.clone());
                hidden = [redactor.push(page), redactor.finish()].concat();
                &hidden
            }
            None => page,
        };
        let mut shown = std::mem::take(&mut self.buffer);
        if let Renderer::Items(items) = &mut self.renderer {
            for chunk in page.chunks(AT_A_TIME) {
                shown.clear();
                items.push(chunk, &mut shown)?;
                self.out.write(&shown)?;
                self.written += shown.len() as u64;
            }
        }
        shown.clear();
        match &mut self.renderer {
            Renderer::Items(items) => {
                items.end_document(&mut shown)?;
            }
            Renderer::Joined(joined) => joined.page(page, &mut shown)?,
            Renderer::Filter(filtered) => {
                filtered.push(page)?;
                let shown = Shown {
                    out: &mut self.out,
                    written: &mut self.written,
                    open_line: &mut self.open_line,
                };
                shown.results(filtered)?;
            }
            Renderer::Raw | Renderer::Undecided(..) | Renderer::Text(_) | Renderer::Json(_) => {
                shown.extend_from_slice(page);
            }
        }
        self.write(&shown)?;
        self.buffer = shown;
        Ok(())
    }

    /// Returns whether as many items as are wanted have been written.
    pub(crate) fn is_enough(&self, limit: Option<u64>) -> bool {
        limit.is_some_and(|limit| self.items().is_some_and(|items| items >= limit))
    }

    /// Forces what has been written onto the disk, where it is a file, and returns how much
    /// that is in bytes.
    ///
    /// # Errors
    /// Fails when the disk does.
    pub(crate) fn sync(&mut self) -> io::Result<u64> {
        match &self.out.target {
            Target::Part(part) => part.sync()?,
            // Only a file can be synced, and a pipe need not.
            Target::StandardOutput(file) | Target::Device(file) => {
                let _is_a_file = file.sync_data();
            }
            Target::StandardError(_) | Target::Nowhere => {}
        }
        Ok(self.written)
    }

    /// Returns how many items have been written, where items are looked for.
    pub(crate) fn items(&self) -> Option<u64> {
        match &self.renderer {
            Renderer::Joined(joined) => Some(joined.count()),
            Renderer::Items(items) => Some(items.count()),
            _ => None,
        }
    }

    /// Writes a header block before the body.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub(crate) fn push_head(&mut self, block: &[u8]) -> io::Result<()> {
        if !self.terminal {
            return self.write(block);
        }
        // A token in it is hidden on the way out.
        let shown = Redactor::default().head(block);
        self.write(&safe_head(shown.as_bytes()))
    }

    /// Writes the next chunk of the body.
    ///
    /// # Errors
    /// Fails when it cannot be written (a closed pipe is `BrokenPipe`) or shown.
    pub(crate) fn push(&mut self, chunk: &[u8]) -> Result<(), Trouble> {
        match &mut self.redactor {
            Some(redactor) => {
                let shown = redactor.push(chunk);
                self.render(&shown)
            }
            None => self.render(chunk),
        }
    }

    /// Ends the body: puts a file in its place, ends the last line on a terminal, and returns
    /// what is worth reporting.
    ///
    /// # Errors
    /// Fails when what is left cannot be written or shown, or the file not be put in its place.
    pub(crate) fn finish(mut self) -> Result<Option<String>, Trouble> {
        if let Some(mut redactor) = self.redactor.take() {
            let rest = redactor.finish();
            self.render(&rest)?;
        }
        let mut shown = Vec::new();
        let mut note = None;
        match &mut self.renderer {
            Renderer::Raw | Renderer::Undecided(..) => {}
            Renderer::Text(sanitiser) => sanitiser.finish(&mut shown),
            Renderer::Json(formatter) => {
                note = formatter
                    .finish(&mut shown)
                    .err()
                    .map(|error| not_json(&error));
            }
            Renderer::Items(items) => {
                if !self.paged {
                    items.end_document(&mut shown)?;
                }
                note = items.finish(&mut shown)?;
            }
            Renderer::Filter(filtered) => {
                if !self.paged {
                    let shown = Shown {
                        out: &mut self.out,
                        written: &mut self.written,
                        open_line: &mut self.open_line,
                    };
                    shown.results(filtered)?;
                }
                note = filtered.finish(&mut shown)?;
            }
            Renderer::Joined(joined) => joined.finish(&mut shown),
        }
        self.write(&shown)?;
        self.end_line(b"\n")?;
        if let Target::Part(part) = self.out.target {
            part.finish()?;
        }
        Ok(self.note.or(note))
    }

    /// Ends a body that broke off, so that what is said of it on a terminal begins a line.
    pub(crate) fn break_off(&mut self) {
        let end: &[u8] = if self.coloured { b"\x1b[0m\n" } else { b"\n" };
        // It has failed already, and that is what is reported.
        let _written = self.end_line(end);
    }

    /// Ends the last line where other text follows: on a terminal, and on standard error.
    fn end_line(&mut self, end: &[u8]) -> io::Result<()> {
        self.out.release()?;
        if self.open_line && (self.terminal || self.out.target.is_standard_error()) {
            self.write(end)?;
            self.out.release()?;
        } else if self.open_line && matches!(self.out.target, Target::StandardOutput(_)) {
            stdout::left_a_line_open();
        }
        Ok(())
    }

    fn render(&mut self, chunk: &[u8]) -> Result<(), Trouble> {
        let begun;
        let mut chunk = chunk;
        if let Renderer::Undecided(screen, beginning) = &mut self.renderer {
            beginning.extend_from_slice(chunk);
            let text = lexical::without_mark(beginning);
            let Some(first) = text.iter().find(|byte| !byte.is_ascii_whitespace()) else {
                // Whitespace before the first text is not kept; half a mark is.
                beginning.truncate(lexical::MARK.len());
                return Ok(());
            };
            let is_cut = lexical::MARK.starts_with(beginning);
            if is_cut {
                return Ok(());
            }
            self.renderer = if matches!(first, b'{' | b'[') {
                let formatter = screen.formatter(lexical::Layout::Pretty);
                begun = std::mem::take(beginning);
                Renderer::Json(Box::new(formatter))
            } else {
                begun = std::mem::take(beginning);
                Renderer::Text(TextSanitiser::default())
            };
            chunk = &begun;
        }
        // The same buffer for every chunk: a new one each time would be new pages each time.
        let mut shown = std::mem::take(&mut self.buffer);
        shown.clear();
        match &mut self.renderer {
            Renderer::Raw | Renderer::Undecided(..) => return Ok(self.write(chunk)?),
            Renderer::Text(sanitiser) => sanitiser.push(chunk, &mut shown),
            Renderer::Json(formatter) => {
                if let Err(error) = formatter.push(chunk, &mut shown) {
                    return Ok(self.pass_on_as_it_is(&error, shown, chunk)?);
                }
            }
            Renderer::Items(items) => items.push(chunk, &mut shown)?,
            Renderer::Filter(filtered) => filtered.push(chunk)?,
            Renderer::Joined(joined) => joined.page(chunk, &mut shown)?,
        }
        let written = self.write(&shown);
        self.buffer = shown;
        Ok(written?)
    }

    /// Continues without layout after something that is not JSON; no byte is lost.
    fn pass_on_as_it_is(
        &mut self,
        error: &lexical::Syntax,
        mut shown: Vec<u8>,
        chunk: &[u8],
    ) -> io::Result<()> {
        self.note = Some(not_json(error));
        // Whitespace that was left out at the mistake is no longer layout: `1   2` is not `12`.
        let start = if shown.last().is_some_and(u8::is_ascii_whitespace) {
            error.consumed
        } else {
            let before = chunk.get(..error.consumed).unwrap_or_default();
            before.trim_ascii_end().len()
        };
        let rest = chunk.get(start..).unwrap_or_default();
        if self.terminal {
            let mut sanitiser = TextSanitiser::default();
            sanitiser.push(rest, &mut shown);
            self.renderer = Renderer::Text(sanitiser);
        } else {
            shown.extend_from_slice(rest);
            self.renderer = Renderer::Raw;
        }
        self.write(&shown)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(last) = bytes.last() else {
            return Ok(());
        };
        self.open_line = *last != b'\n';
        self.out.write(bytes)?;
        self.written += bytes.len() as u64;
        Ok(())
    }
}

/// What a filter's results are written to, beside the renderer that they come from.
struct Shown<'a> {
    out: &'a mut Out,
    written: &'a mut u64,
    open_line: &'a mut bool,
}

impl Shown<'_> {
    fn results(self, filtered: &mut Filtered) -> Result<(), Trouble> {
        filtered.end_document(&mut |bytes| {
            if let Some(last) = bytes.last() {
                *self.open_line = *last != b'\n';
                self.out.write(bytes)?;
                *self.written += bytes.len() as u64;
            }
            Ok(())
        })
    }
}

fn hiding(secret: Secret) -> StreamRedactor {
    StreamRedactor::new(Some(secret))
}

/// Returns a header block that cannot drive a terminal.
pub(crate) fn safe_head(block: &[u8]) -> Vec<u8> {
    let mut sanitiser = TextSanitiser::default();
    let text = String::from_utf8_lossy(block).replace("\r\n", "\n");
    let mut shown = Vec::new();
    sanitiser.push(text.as_bytes(), &mut shown);
    sanitiser.finish(&mut shown);
    shown
}

fn not_json(error: &lexical::Syntax) -> String {
    format!("the body is not JSON ({error}); it is shown as received from there")
}
