//! An answer on its way from the wire to the terminal, pipe or file, and to its exit code.

use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;

use crate::cli::options::{Format, OutputOptions};
use crate::commands::Context;
use crate::error::{Failure, Result, io_reason};
use crate::exchange::decode::{DecodeError, Decoder};
use crate::exchange::{Exchange, Head};
use crate::exit::Exit;
use crate::output::body::{BodyOutput, Destination, View};
use crate::output::status::{self, Report};
use crate::output::stdout::stdout;
use crate::output::terminal::sanitise_text;
use crate::output::verbose;
use crate::profile::{Guard, Profile};
use crate::secret::Secret;
use crate::verdict::explain::{self, About, AnswerHead};
use crate::verdict::server_timing::{self, Metric};
use crate::verdict::sniff::Sniffer;
use crate::verdict::{self, Evidence};

/// An answer whose head is there.
pub(crate) struct Answer<'a> {
    pub(crate) exchange: Exchange,
    pub(crate) about: &'a About<'a>,
    pub(crate) profile: &'a Profile,
    pub(crate) output: &'a OutputOptions,
    pub(crate) max_size: Option<u64>,
    /// Whether the headers are all that was asked for (HEAD).
    pub(crate) head_only: bool,
    /// Whether the endpoint is declared to answer with something else than JSON.
    pub(crate) other_than_json: bool,
    /// The token, to be hidden where a server echoes it onto a terminal.
    pub(crate) secret: Secret,
}

/// What ends the reading of a body early.
enum Stop {
    Failed(Failure),
    /// The reader of our output has gone: nobody wants the rest.
    ClosedPipe,
}

impl Answer<'_> {
    /// Reads the body, passes it on, says how it went, and returns what it means.
    ///
    /// # Errors
    /// Fails when the answer is not whole, is not what was asked for, or cannot be written.
    pub(crate) async fn pass_on(mut self, cx: &Context) -> Result<Exit> {
        let metrics = server_timing::parse(
            self.exchange
                .head
                .headers
                .get_all("server-timing")
                .iter()
                .map(http::HeaderValue::as_bytes),
        );
        let server = server_timing::total(&metrics);
        if self.output.verbose {
            cx.notes(&verbose::head(
                &self.exchange.head.block,
                self.about.redactor,
            ));
        }
        let mut sniffer = Sniffer::new(server.is_some());
        let read = self.read(&mut sniffer, cx).await;
        let outcome = match read {
            Err(Stop::ClosedPipe) => return Ok(Exit::Ok),
            Err(Stop::Failed(failure)) => Err(failure),
            Ok(output) => self.conclude(output, &sniffer, server.is_some(), cx),
        };
        self.say(cx, &metrics, server, sniffer.seen());
        outcome
    }

    async fn read(&mut self, sniffer: &mut Sniffer, cx: &Context) -> Result<BodyOutput, Stop> {
        let mut output = self.open_output(cx)?;
        self.write_head(&mut output)?;
        let codings = self.exchange.head.headers.get_all("content-encoding");
        let mut decoder = if self.head_only {
            Decoder::identity()
        } else {
            Decoder::for_header(codings.iter().map(http::HeaderValue::as_bytes)).map_err(
                |coding| {
                    Stop::Failed(
                        Failure::new(
                            Exit::Coding,
                            format!("the body's content coding is not known: {coding}"),
                        )
                        .hint("ask for none: -H 'Accept-Encoding: identity'"),
                    )
                },
            )?
        };
        let max_size = self.max_size;
        let mut sink = |piece: &[u8]| {
            if max_size.is_some_and(|most| sniffer.seen() + piece.len() as u64 > most) {
                return Err(Stop::Failed(Failure::new(
                    Exit::TooLarge,
                    format!(
                        "the body is larger than --max-size {}",
                        status::size(max_size.unwrap_or(0))
                    ),
                )));
            }
            sniffer.push(piece);
            output.push(piece).map_err(cannot_write)
        };
        while let Some(chunk) = self.next_chunk().await? {
            decoder.push(&chunk, &mut sink).map_err(coding_failure)?;
        }
        decoder.finish(&mut sink).map_err(coding_failure)?;
        Ok(output)
    }

    async fn next_chunk(&mut self) -> Result<Option<Bytes>, Stop> {
        let about = self.about;
        self.exchange
            .chunk()
            .await
            .map_err(|failure| Stop::Failed(explain::transport(&failure, about)))
    }

    /// Returns whether the status says that the answer is not what was asked for.
    fn failed(&self) -> bool {
        self.exchange.head.status >= 300
    }

    /// Decides where the body goes and how it is shown.
    fn open_output(&self, cx: &Context) -> Result<BodyOutput, Stop> {
        let format = self.output.format;
        let to_file = self.output.output.as_deref().filter(|file| *file != "-");
        let (destination, terminal) = match to_file {
            _ if self.failed() && self.output.fail && self.exchange.head.status >= 400 => {
                (Destination::Nowhere, false)
            }
            Some(_) if self.failed() => (Destination::StandardError, cx.env.stderr_terminal),
            Some(file) => (Destination::File(Path::new(file)), false),
            None if self.failed() && !matches!(format, None | Some(Format::Raw)) => {
                (Destination::Nowhere, false)
            }
            None => (Destination::StandardOutput, cx.env.stdout_terminal),
        };
        let view = match (format, terminal) {
            (Some(Format::Raw), true) => View::Text,
            (Some(Format::Raw) | None, false) => View::Raw,
            (None, true) => View::Automatic,
            (Some(Format::Pretty), _) => View::Pretty,
            (Some(Format::Compact), _) => View::Compact,
        };
        let theme = if matches!(destination, Destination::StandardError) {
            cx.stderr_theme.clone()
        } else {
            cx.stdout_theme.clone()
        };
        let secret = terminal.then(|| self.secret.clone());
        BodyOutput::open(&destination, view, theme, terminal, secret).map_err(|error| {
            match destination {
                Destination::File(path) => Stop::Failed(Failure::new(
                    Exit::Write,
                    format!("cannot write {}: {}", path.display(), io_reason(&error)),
                )),
                _ => cannot_write(error),
            }
        })
    }

    /// Writes the header block where `-i`, `-I` and `-D` want it.
    fn write_head(&self, output: &mut BodyOutput) -> Result<(), Stop> {
        let block = &self.exchange.head.block;
        if self.output.include || self.head_only {
            output.push_head(block).map_err(cannot_write)?;
        }
        let Some(file) = &self.output.dump_header else {
            return Ok(());
        };
        let written = if file == "-" {
            stdout().and_then(|mut stdout| stdout.write_all(block))
        } else {
            std::fs::write(file, block)
        };
        written.map_err(cannot_write)
    }

    /// Judges the answer and finishes its output.
    fn conclude(
        &self,
        output: BodyOutput,
        sniffer: &Sniffer,
        timed: bool,
        cx: &Context,
    ) -> Result<Exit> {
        let Head {
            status,
            reason,
            headers,
            ..
        } = &self.exchange.head;
        let evidence = Evidence {
            status: *status,
            body_due: !self.head_only && !matches!(status, 204 | 205 | 304),
            timed,
            other_than_json: self.other_than_json,
            body: sniffer,
        };
        let verdict = verdict::judge(&evidence);
        let head = AnswerHead {
            status: *status,
            reason,
            headers,
        };
        let failure = explain::answer(verdict, &head, sniffer, self.about);
        let for_a_file = output.is_file();
        match failure {
            None => {
                if let Some(note) = output.finish().map_err(|error| write_failure(&error))? {
                    cx.warn(&note);
                }
                Ok(Exit::Ok)
            }
            Some(failure) => {
                if for_a_file {
                    // The file stays as it was; what came in its place is shown, as far as it was kept.
                    let text = String::from_utf8_lossy(sniffer.beginning()).into_owned();
                    cx.notes(&[sanitise_text(&text).into_owned()]);
                } else {
                    output.finish().map_err(|error| write_failure(&error))?;
                }
                Err(failure)
            }
        }
    }

    fn say(&self, cx: &Context, metrics: &[Metric], server: Option<f64>, bytes: u64) {
        let head = &self.exchange.head;
        let report = Report {
            profile: &self.profile.name,
            guarded: self.profile.guard.value != Guard::None,
            method: self.about.method,
            path: self.about.path,
            status: head.status,
            reason: &head.reason,
            metrics,
            server,
            timings: self.exchange.timings(),
            bytes,
            remote: head.remote,
        };
        if self.output.verbose {
            cx.notes(&status::phases(&report));
        }
        if !self.output.silent {
            cx.notes(&[status::line(&report, &cx.stderr_theme)]);
        }
    }
}

fn cannot_write(error: io::Error) -> Stop {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Stop::ClosedPipe;
    }
    Stop::Failed(write_failure(&error))
}

fn write_failure(error: &io::Error) -> Failure {
    Failure::new(
        Exit::Write,
        format!("the output could not be written: {}", io_reason(error)),
    )
}

fn coding_failure(error: DecodeError<Stop>) -> Stop {
    match error {
        DecodeError::Sink(stop) => stop,
        DecodeError::Broken => Stop::Failed(Failure::new(
            Exit::Coding,
            "the body is not what its content coding says",
        )),
        DecodeError::Truncated => Stop::Failed(Failure::new(
            Exit::Incomplete,
            "the body ends in the middle of its content coding",
        )),
    }
}
