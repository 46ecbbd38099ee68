//! The body on its way out: as received, or laid out and made safe for a terminal.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use crate::output::file::{PartFile, is_written_directly};
use crate::output::lexical::{self, Formatter, Layout};
use crate::output::stdout::stdout;
use crate::output::terminal::{TextSanitiser, Theme};
use crate::secret::Secret;
use crate::secret::stream::StreamRedactor;

/// Where a body goes.
#[derive(Debug)]
pub(crate) enum Destination<'a> {
    /// Standard output.
    StandardOutput,
    /// Standard error: what came in the place of a file's content.
    StandardError,
    /// A file that appears only when it is complete, or a device.
    File(&'a Path),
    /// Nowhere.
    Nowhere,
}

/// How a body is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// The bytes as received.
    Raw,
    /// The text as received, with control characters made visible.
    Text,
    /// Pretty where it is JSON, text where it is not: what a terminal gets.
    Automatic,
    /// JSON, indented.
    Pretty,
    /// JSON, on one line.
    Compact,
}

/// A body that is being written.
pub(crate) struct BodyOutput {
    target: Target,
    renderer: Renderer,
    /// Hides an echoed token on a terminal.
    redactor: Option<StreamRedactor>,
    theme: Theme,
    terminal: bool,
    /// What a piece is laid out into.
    buffer: Vec<u8>,
    /// Whether something was written and did not end a line.
    open_line: bool,
    /// What is worth telling about the body when it is complete.
    note: Option<String>,
}

enum Target {
    Stream(File),
    StandardError,
    Part(PartFile),
    Nowhere,
}

enum Renderer {
    Raw,
    /// Nothing has come yet that tells JSON from text.
    Undecided,
    Text(TextSanitiser),
    Json(Box<Formatter>),
}

impl BodyOutput {
    /// Opens the destination.
    ///
    /// # Errors
    /// Fails when a file cannot be created or standard output is not to be had.
    pub(crate) fn open(
        destination: &Destination<'_>,
        view: View,
        theme: Theme,
        terminal: bool,
        secret: Option<Secret>,
    ) -> io::Result<Self> {
        let target = match destination {
            Destination::StandardOutput => Target::Stream(stdout()?),
            Destination::StandardError => Target::StandardError,
            Destination::File(path) if is_written_directly(path) => {
                Target::Stream(File::options().write(true).open(path)?)
            }
            Destination::File(path) => Target::Part(PartFile::create(path)?),
            Destination::Nowhere => Target::Nowhere,
        };
        let renderer = match view {
            View::Raw => Renderer::Raw,
            View::Text => Renderer::Text(TextSanitiser::default()),
            View::Automatic => Renderer::Undecided,
            View::Pretty => Renderer::Json(Box::new(formatter(Layout::Pretty, &theme, terminal))),
            View::Compact => Renderer::Json(Box::new(formatter(Layout::Compact, &theme, terminal))),
        };
        Ok(BodyOutput {
            target,
            renderer,
            redactor: secret.map(|secret| StreamRedactor::new(Some(secret))),
            theme,
            terminal,
            buffer: Vec::new(),
            open_line: false,
            note: None,
        })
    }

    /// Returns whether the body goes to a file that is not in its place yet.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.target, Target::Part(_))
    }

    /// Writes a header block before the body.
    ///
    /// # Errors
    /// Fails when it cannot be written.
    pub(crate) fn push_head(&mut self, block: &[u8]) -> io::Result<()> {
        if !self.terminal {
            return self.write(block);
        }
        let mut sanitiser = TextSanitiser::default();
        let text = String::from_utf8_lossy(block).replace("\r\n", "\n");
        let mut shown = Vec::new();
        sanitiser.push(text.as_bytes(), &mut shown);
        sanitiser.finish(&mut shown);
        self.write(&shown)
    }

    /// Writes the next piece of the body.
    ///
    /// # Errors
    /// Fails when it cannot be written; a closed pipe is `BrokenPipe`.
    pub(crate) fn push(&mut self, piece: &[u8]) -> io::Result<()> {
        match &mut self.redactor {
            Some(redactor) => {
                let shown = redactor.push(piece);
                self.render(&shown)
            }
            None => self.render(piece),
        }
    }

    /// Ends the body: puts a file in its place, ends the last line on a terminal, and returns
    /// what is worth telling.
    ///
    /// # Errors
    /// Fails when what is left cannot be written or the file not be put in its place.
    pub(crate) fn finish(mut self) -> io::Result<Option<String>> {
        if let Some(mut redactor) = self.redactor.take() {
            let rest = redactor.finish();
            self.render(&rest)?;
        }
        let mut shown = Vec::new();
        match &mut self.renderer {
            Renderer::Raw | Renderer::Undecided => {}
            Renderer::Text(sanitiser) => sanitiser.finish(&mut shown),
            Renderer::Json(formatter) => {
                if let Err(error) = formatter.finish(&mut shown) {
                    self.note.get_or_insert_with(|| not_json(&error));
                }
            }
        }
        self.write(&shown)?;
        if self.terminal && self.open_line {
            self.write(b"\n")?;
        }
        if let Target::Part(part) = self.target {
            part.finish()?;
        }
        Ok(self.note)
    }

    fn render(&mut self, piece: &[u8]) -> io::Result<()> {
        if matches!(self.renderer, Renderer::Undecided) {
            let Some(first) = piece.iter().find(|byte| !byte.is_ascii_whitespace()) else {
                return Ok(());
            };
            self.renderer = if matches!(first, b'{' | b'[') {
                Renderer::Json(Box::new(formatter(
                    Layout::Pretty,
                    &self.theme,
                    self.terminal,
                )))
            } else {
                Renderer::Text(TextSanitiser::default())
            };
        }
        // The same buffer for every piece: a new one each time would be new pages each time.
        let mut shown = std::mem::take(&mut self.buffer);
        shown.clear();
        match &mut self.renderer {
            Renderer::Raw | Renderer::Undecided => return self.write(piece),
            Renderer::Text(sanitiser) => sanitiser.push(piece, &mut shown),
            Renderer::Json(formatter) => {
                if let Err(error) = formatter.push(piece, &mut shown) {
                    return self.pass_on_as_it_is(&error, shown, piece);
                }
            }
        }
        let written = self.write(&shown);
        self.buffer = shown;
        written
    }

    /// Goes on without layout after something that is not JSON; no byte is lost.
    fn pass_on_as_it_is(
        &mut self,
        error: &lexical::Syntax,
        mut shown: Vec<u8>,
        piece: &[u8],
    ) -> io::Result<()> {
        self.note = Some(not_json(error));
        let rest = piece.get(error.consumed..).unwrap_or_default();
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
        if let Some(last) = bytes.last() {
            self.open_line = *last != b'\n';
        }
        match &mut self.target {
            Target::Stream(stream) => stream.write_all(bytes),
            Target::StandardError => io::stderr().write_all(bytes),
            Target::Part(part) => part.write_all(bytes),
            Target::Nowhere => Ok(()),
        }
    }
}

fn formatter(layout: Layout, theme: &Theme, terminal: bool) -> Formatter {
    Formatter::new(layout, theme, terminal)
}

fn not_json(error: &lexical::Syntax) -> String {
    format!(
        "the body is not JSON (line {}, column {}: {}); it is shown as received from there",
        error.line, error.column, error.what
    )
}
