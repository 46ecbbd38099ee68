//! `--paginate`: page after page into one output, with its place kept.

use std::path::Path;

use crate::cli::options::CallOptions;
use crate::commands::Context;
use crate::commands::answer::whole::Whole;
use crate::commands::answer::{self, Reading, Stop};
use crate::commands::session::Session;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::interrupt;
use crate::output::body::{BodyOutput, Destination, Trouble};
use crate::output::file::{cannot_write, is_terminal};
use crate::output::items::columns::Columns;
use crate::output::lexical;
use crate::output::progress::Meter;
use crate::output::record::Record;
use crate::output::status::counted;
use crate::output::terminal::sanitise;
use crate::output::view::{Screen, Shape};
use crate::plan::paging::{Next, Pager, Recipe};
use crate::request::{Body, Request};
use crate::state::{Key, Progress, StateFile, hash};
use crate::verdict::server_timing::Metric;

/// How large a page may be: it is held until it is known to be whole.
const LARGEST_PAGE: u64 = 64 * 1024 * 1024;

/// Reads all pages of a call.
///
/// # Errors
/// Fails with the first page's own code, and with 18 when a later one does not come or the end is
/// not reached.
pub(crate) async fn run(
    session: &mut Session<'_>,
    first: Request,
    recipe: Recipe,
    reading: &Reading,
    record: &mut Record,
    cx: &Context,
) -> Result<Exit> {
    let options = session.options;
    let (state, progress) = match &options.paging.state {
        Some(file) => {
            let (state, progress) =
                StateFile::open(Path::new(file), key(session, &first, reading)?)?;
            (Some(state), progress)
        }
        None => (None, Progress::default()),
    };
    if progress.finished {
        still_there(options)?;
        cx.notes(&[format!(
            "note: nothing left to do: all {} pages were read and written",
            progress.pages
        )]);
        return Ok(Exit::Ok);
    }
    session.hold_bodies(LARGEST_PAGE);
    let pager = Pager::new(recipe.clone(), progress.cursor.as_deref());
    let mut pages = Pages {
        first,
        recipe,
        pager,
        reading,
        state,
        begun: progress.clone(),
        progress,
        output: None,
        server: None,
        timings: crate::exchange::timing::Timings::default(),
        cx,
    };
    let ended = interrupt::unless_interrupted(pages.all(session, record)).await;
    record.pages = Some(pages.progress.pages);
    pages.tell(record);
    session.show(&pages.first, record);
    let stopped = match ended {
        Some(Err(Ended::Answered(result))) => return result,
        Some(Err(Ended::ClosedPipe)) => return Ok(Exit::Ok),
        Some(Ok(())) => None,
        Some(Err(Ended::Stopped(failure))) => Some(failure),
        None => Some(Failure::new(Exit::Interrupted, "interrupted")),
    };
    let finished = pages.finish(stopped.is_none());
    record.items = Some(pages.progress.items);
    answer::say(session, record, cx);
    match (stopped, finished) {
        (Some(failure), _) => Err(pages.incomplete(failure)),
        (None, Err(Stop::Failed(failure))) => Err(failure),
        (None, Err(Stop::ClosedPipe) | Ok(())) => Ok(Exit::Ok),
    }
}

/// Makes sure that what a finished state tells of has not been taken away since.
fn still_there(options: &CallOptions) -> Result<()> {
    let state = options.paging.state.as_deref().unwrap_or_default();
    match options.output.file() {
        Some(file) if !file.exists() => Err(Failure::local(format!(
            "the state says that all was written, and {} is not there",
            sanitise(&file.to_string_lossy())
        ))
        .fact("nothing was sent")
        .hint(format!(
            "remove the state to read all pages anew: {}",
            sanitise(&state.to_string_lossy())
        ))),
        _ => Ok(()),
    }
}

/// Returns what a state of this call belongs to.
fn key(session: &Session<'_>, first: &Request, reading: &Reading) -> Result<Key> {
    let options = session.options;
    if options.paging.limit.is_some() {
        return Err(
            Failure::usage("--state goes from page to page, and --limit stops within one")
                .hint("use --max-pages"),
        );
    }
    let view = &reading.view;
    let goes_on = matches!(view.shape, Shape::NdJson | Shape::Delimited(_))
        && view.filter.is_none()
        && view.sort.is_none();
    if !goes_on {
        return Err(
            Failure::usage("--state needs an output that can be gone on with")
                .hint("--format ndjson, csv or tsv, without -q and --sort"),
        );
    }
    if matches!(view.shape, Shape::Delimited(_)) && view.columns.is_none() {
        return Err(
            Failure::usage("--state needs to know the columns before the first page")
                .hint("name them with --columns, or use --format ndjson"),
        );
    }
    let body: &[u8] = match &first.body {
        Body::Bytes(bytes) => bytes,
        _ => b"",
    };
    let columns: Vec<String> = view
        .columns
        .iter()
        .flat_map(Columns::paths)
        .map(ToString::to_string)
        .collect();
    let file = options.output.output.as_deref().unwrap_or_default();
    Ok(Key {
        profile: session.profile.name.clone(),
        endpoint: session.profile.base.value.as_str().to_owned(),
        method: first.method.to_string(),
        path: first.url.path().to_owned(),
        request: hash(&[first.url.query().unwrap_or_default().as_bytes(), body]),
        output: [
            view.shape.name(),
            &columns.join(","),
            &file.to_string_lossy(),
        ]
        .into_iter()
        .filter(|word| !word.is_empty())
        .collect::<Vec<&str>>()
        .join(" "),
    })
}

/// What ends the reading of pages before the last.
enum Ended {
    /// The first answer was no page: it has been passed on as it is.
    Answered(Result<Exit>),
    ClosedPipe,
    Stopped(Failure),
}

impl From<Stop> for Ended {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Failed(failure) => Ended::Stopped(failure),
            Stop::ClosedPipe => Ended::ClosedPipe,
        }
    }
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Ended::Stopped(failure)
    }
}

struct Pages<'a> {
    first: Request,
    recipe: Recipe,
    pager: Pager,
    reading: &'a Reading,
    state: Option<StateFile>,
    /// Where this run began.
    begun: Progress,
    progress: Progress,
    output: Option<BodyOutput>,
    /// The platform's own time for all pages, where it says so.
    server: Option<f64>,
    timings: crate::exchange::timing::Timings,
    cx: &'a Context,
}

impl Pages<'_> {
    async fn all(&mut self, session: &mut Session<'_>, record: &mut Record) -> Result<(), Ended> {
        let paging = &session.options.paging;
        let (limit, most) = (paging.limit, paging.max_pages);
        let mut meter = Meter::start(&self.cx.env, session.options.output.output.is_some());
        loop {
            let request = match &self.progress.cursor {
                Some(cursor) => self.recipe.request(&self.first, cursor)?,
                None => self.recipe.first(&self.first)?,
            };
            let page = self.page(session, request, record).await?;
            lexical::check(&page).map_err(|error| {
                Failure::local(format!(
                    "the page is not JSON: line {}, column {}: {}",
                    error.line, error.column, error.what
                ))
            })?;
            self.write(&page, session, limit)?;
            let next = self.pager.next(&page);
            drop(page);
            self.progress.pages += 1;
            self.progress.cursor = match &next {
                Next::Page(cursor) | Next::Repeated(cursor) => Some(cursor.clone()),
                Next::End => None,
            };
            self.progress.finished = next == Next::End;
            self.save()?;
            meter.update(self.progress.pages, self.progress.items, self.server);
            let is_enough = self
                .output
                .as_ref()
                .is_some_and(|output| output.is_enough(limit));
            match next {
                Next::End => return Ok(()),
                _ if is_enough => return Ok(()),
                Next::Repeated(_) => {
                    return Err(Failure::new(
                        Exit::Incomplete,
                        "the server's cursor does not move on",
                    )
                    .into());
                }
                Next::Page(_)
                    if most.is_some_and(|most| self.progress.pages - self.begun.pages >= most) =>
                {
                    return Err(Failure::new(
                        Exit::Incomplete,
                        "--max-pages was reached, and there is more",
                    )
                    .into());
                }
                Next::Page(_) => {}
            }
        }
    }

    /// Reads one page whole, and judges it.
    async fn page(
        &mut self,
        session: &mut Session<'_>,
        request: Request,
        record: &mut Record,
    ) -> Result<Vec<u8>, Ended> {
        let exchange = session.open(request, record).await?;
        if self.progress.pages == 0 && exchange.head.status >= 300 {
            let passed_on = answer::pass_on(exchange, self.reading, session, record, self.cx).await;
            return Err(Ended::Answered(passed_on));
        }
        answer::show_head(&exchange.head, session, self.cx);
        if self.progress.pages == 0 {
            answer::dump_head(&exchange.head.block, session)?;
        }
        let whole = Whole::read(exchange, LARGEST_PAGE, self.reading, session, record).await?;
        let judged = whole.judge(self.reading, session, record);
        self.add_up(record);
        judged?;
        let status = whole.exchange.head.status;
        match answer::checked(status, Some(&whole.body), self.reading, record) {
            Some(failure) => Err(failure.into()),
            None => Ok(whole.body),
        }
    }

    fn add_up(&mut self, record: &Record) {
        let timings = record.timings.unwrap_or_default();
        self.timings.total += timings.total;
        let first_byte = self.timings.first_byte.unwrap_or_default();
        self.timings.first_byte = Some(first_byte + timings.first_byte.unwrap_or_default());
        if let Some(server) = record.server() {
            self.server = Some(self.server.unwrap_or(0.0) + server);
        }
    }

    /// Tells of all pages in the place of the last.
    fn tell(&self, record: &mut Record) {
        record.timings = Some(self.timings);
        if let Some(answer) = &mut record.answer {
            answer.metrics = self.server.map(Metric::total).into_iter().collect();
        }
    }

    fn write(
        &mut self,
        page: &[u8],
        session: &Session<'_>,
        limit: Option<u64>,
    ) -> Result<(), Ended> {
        let output = match &mut self.output {
            Some(output) => output,
            None => self.output.insert(self.begun_output(session, limit)?),
        };
        output.page(page).map_err(stop)?;
        self.progress.items = self.begun.items + output.items().unwrap_or(0);
        Ok(())
    }

    fn begun_output(&self, session: &Session<'_>, limit: Option<u64>) -> Result<BodyOutput, Ended> {
        let options: &CallOptions = session.options;
        let cx = self.cx;
        let file = options.output.file();
        let (destination, terminal) = match file {
            Some(file) => (Destination::File(file), is_terminal(file)),
            None => (Destination::StandardOutput, cx.env.stdout_terminal),
        };
        let screen = Screen {
            terminal,
            width: terminal.then(|| cx.env.columns()),
            theme: cx.stdout_theme.clone(),
        };
        let mut view = self.reading.view.clone();
        // The names of the columns are there already.
        view.header = view.header && self.begun.pages == 0;
        let renderer = view.paged_renderer(&screen, limit, self.recipe.page_members());
        let secret = terminal.then(|| session.secret());
        let resumed = self.state.as_ref().map(|_| self.begun.bytes);
        BodyOutput::open_paged(&destination, renderer, terminal, secret, resumed).map_err(|error| {
            let name = file.map(|file| file.to_string_lossy().into_owned()).unwrap_or_default();
            let mut failure = cannot_write(&name, &error);
            if resumed.is_some_and(|bytes| bytes > 0) {
                failure = failure
                    .fact("the unfinished file of the earlier run is gone, shorter than the state says, or a link")
                    .hint("remove the state to begin anew");
            }
            Ended::Stopped(failure)
        })
    }

    /// Records the place behind the page that has just been written.
    fn save(&mut self) -> Result<(), Ended> {
        let (Some(state), Some(output)) = (&self.state, &mut self.output) else {
            return Ok(());
        };
        self.progress.bytes = output
            .sync()
            .map_err(|error| answer::cannot_write(&error))?;
        // The file is not in its place yet: that it is finished is recorded when it is.
        let recorded = Progress {
            finished: self.progress.finished && !output.is_file(),
            ..self.progress.clone()
        };
        state.save(&recorded)?;
        Ok(())
    }

    /// Ends the output; an unfinished one only where it can stand as it is.
    fn finish(&mut self, complete: bool) -> Result<(), Stop> {
        let Some(output) = self.output.take() else {
            return Ok(());
        };
        let is_file = output.is_file();
        if !complete && is_file {
            return Ok(());
        }
        let note = answer::finish(output)?;
        if let Some(note) = note {
            self.cx.warn(&note);
        }
        if let (true, Some(state)) = (is_file && self.progress.finished, &self.state) {
            state.save(&self.progress)?;
        }
        Ok(())
    }

    /// Says what is missing and how to go on. A first page that failed has its own code.
    fn incomplete(&self, cause: Failure) -> Failure {
        if self.progress.pages == self.begun.pages
            && self.begun.pages == 0
            && cause.exit != Exit::Interrupted
        {
            return cause;
        }
        let exit = match cause.exit {
            code @ (Exit::Interrupted | Exit::Write | Exit::Unmet) => code,
            _ => Exit::Incomplete,
        };
        let mut failure = Failure::new(
            exit,
            format!(
                "incomplete after {} and {}: {}",
                counted(self.progress.pages, "page", "pages"),
                counted(self.progress.items, "item", "items"),
                cause.headline
            ),
        );
        failure.facts = cause.facts;
        if let Some(cursor) = &self.progress.cursor {
            failure = failure.fact(format!("next cursor: {}", sanitise(cursor)));
        }
        failure.hints = cause.hints;
        failure.hint(if self.state.is_some() {
            "the same command goes on from here"
        } else {
            "with --state FILE the same command would go on from here"
        })
    }
}

fn stop(trouble: Trouble) -> Ended {
    match trouble {
        Trouble::Write(error) => answer::cannot_write(&error).into(),
        Trouble::Content(failure) => Ended::Stopped(failure),
    }
}
