//! `rein follow`: consumes a stream at least once: read, write and flush, advance, in this order.

use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::catalogue::Endpoint;
use crate::cli::follow::FollowArgs;
use crate::cli::options::CallOptions;
use crate::cli::units;
use crate::commands::{choose, confirm};
use crate::console::stdout;
use crate::engine::fetch::fetch;
use crate::engine::response::{self, Stop};
use crate::engine::session::Session;
use crate::engine::{Context, print};
use crate::error::{Failure, Result, io_reason};
use crate::exchange::client::Connection;
use crate::exit::Exit;
use crate::output::body::{BodyOutput, Destination, Trouble};
use crate::output::items::Wanted;
use crate::output::progress::Meter;
use crate::output::status::counted;
use crate::output::view::{Screen, Shape, View};
use crate::plan::call::Reading;
use crate::plan::connection;
use crate::plan::delivery::Delivery;
use crate::plan::follow::{self, Batch, Position, Route, Stream};
use crate::plan::follow_preview::{self, Step};
use crate::plan::ownership::{self, Judgement, Profiles, Sent};
use crate::plan::sending::Sending;
use crate::plan::target;
use crate::profile::{Guard, Profile, resolve};
use crate::request::Request;
use crate::secret::Redactor;
use crate::signal::{self, Started};
use crate::text::lexical;
use crate::text::path::Path;
use crate::text::terminal::sanitise;
use crate::verdict::explain::seconds;

/// How large a batch may be: it is held until it is safe.
const MAX_BATCH: u64 = 256 * 1024 * 1024;

/// How often an advance whose reply was lost is looked after.
const MAX_ADVANCES: u32 = 3;

/// Follows a stream.
///
/// # Errors
/// Fails as its calls do; with 1 when the command fails, and then the stream is not advanced.
pub(crate) fn run(args: &FollowArgs, cx: &Context) -> Result<Exit> {
    let text = args
        .stream
        .to_str()
        .ok_or_else(|| Failure::usage("the stream's name is not valid UTF-8"))?;
    let stream = Stream::parse(text)?;
    let command = args.exec.as_deref().map(words).transpose()?;
    let options = args.call_options();
    let runtime = cx.runtime()?;
    let result = runtime.block_on(async {
        let mut profile = resolve::resolve(&choose::choice(&options.profile), &cx.env)?;
        if args.dry_run {
            return print(&preview(&stream, args, &options, &profile, cx)?);
        }
        let _tenant = choose::start_demo(&mut profile).await?;
        let mut follower = Follower::start(args, &options, stream, command, &profile, cx).await?;
        let ended = signal::unless_interrupted(follower.follow(args.once)).await;
        follower.conclude(ended)
    });
    runtime.shutdown_background();
    result
}

/// Splits a command into its words.
fn words(text: &str) -> Result<Vec<String>> {
    let words = shell_words::split(text).map_err(|_| Failure::usage("--exec has an open quote"))?;
    if words.is_empty() {
        return Err(Failure::usage("--exec names no command"));
    }
    Ok(words)
}

struct Follower<'a> {
    args: &'a FollowArgs,
    stream: Stream,
    route: Route,
    every: Duration,
    profile: &'a Profile,
    session: Session<'a>,
    reading: Reading,
    sink: Sink,
    meter: Meter,
    batches: u64,
    results: u64,
    failed: u64,
    cx: &'a Context,
}

/// Where results go to.
enum Sink {
    /// Standard output, a result a line.
    Output(Box<BodyOutput>),
    /// A command's standard input.
    Command(Vec<String>),
}

impl<'a> Follower<'a> {
    /// Asks the guards, once, and makes ready; nothing has been sent then.
    async fn start(
        args: &'a FollowArgs,
        options: &CallOptions,
        stream: Stream,
        command: Option<Vec<String>>,
        profile: &'a Profile,
        cx: &'a Context,
    ) -> Result<Follower<'a>> {
        let every = match &args.every {
            Some(text) => units::duration("--every", text)?,
            None => Duration::from_secs(30),
        };
        let route = route(args);
        let read = stream.read(route, args.batch, args.max_filtered, profile)?;
        let mut sending = Sending::decide(&options.connection, profile, &read.url, &cx.env)?;
        sending.endpoint = Some(route.endpoint()?);
        pass_guard(&stream, args, profile, &sending.connection, cx)?;
        if args.safe_stdout {
            stdout::break_commands();
        }
        let delivery = Delivery::decide(&options.output);
        let mut session = Session::start(sending, delivery, &read, cx).await?;
        session.hold_bodies(MAX_BATCH);
        let sink = match command {
            Some(words) => Sink::Command(words),
            None => Sink::Output(Box::new(open_output(&session, cx)?)),
        };
        let to_terminal = matches!(sink, Sink::Output(_)) && cx.env.stdout_terminal;
        Ok(Follower {
            args,
            stream,
            route,
            every,
            profile,
            session,
            reading: Reading::plain(),
            sink,
            meter: Meter::start(&cx.env, !to_terminal),
            batches: 0,
            results: 0,
            failed: 0,
            cx,
        })
    }

    /// Reads batch after batch. Ends at the end of the stream when that is asked for.
    async fn follow(&mut self, once: bool) -> Result<(), Stop> {
        let mut looks = 0;
        let mut before: Option<Position> = None;
        loop {
            let response = self.read().await?;
            let batch = self.route.batch(&response)?;
            if batch.is_end() {
                if once {
                    return Ok(());
                }
                looks += 1;
                let pause = follow::pause(looks, self.every);
                self.meter.say(&format!(
                    "{} results in {} batches so far; next look in {}",
                    self.results,
                    self.batches,
                    seconds(pause)
                ));
                let left = self.session.time_left().unwrap_or(Duration::MAX);
                tokio::time::sleep(pause.min(left)).await;
                continue;
            }
            looks = 0;
            let position = batch.position();
            if before.as_ref() == Some(&position) {
                return Err(Failure::new(
                    Exit::Incomplete,
                    "the stream did not move although it was advanced",
                )
                .fact("its results were delivered; reading on would repeat them")
                .into());
            }
            self.deliver(&response, &batch).await?;
            self.advance(&batch).await?;
            before = Some(position);
            self.batches += 1;
            self.results += batch.results.len() as u64;
            self.meter.say(&format!(
                "{} results in {} batches",
                self.results, self.batches
            ));
        }
    }

    async fn read(&mut self) -> Result<Vec<u8>, Stop> {
        let request = self.stream.read(
            self.route,
            self.args.batch,
            self.args.max_filtered,
            self.profile,
        )?;
        let endpoint = self.route.endpoint()?;
        let response = self.call(request, endpoint).await?;
        lexical::checked("the batch", &response, Exit::Platform)?;
        Ok(response)
    }

    /// Makes a call and returns its response, which has been judged.
    async fn call(
        &mut self,
        request: Request,
        endpoint: &'static Endpoint,
    ) -> Result<Vec<u8>, Stop> {
        self.session.take_up(endpoint.class, Some(endpoint));
        let fetched = fetch(&mut self.session, request, &self.reading, MAX_BATCH).await;
        fetched.outcome?;
        Ok(fetched.body)
    }

    /// Makes a batch safe: written and flushed, or taken by the command.
    async fn deliver(&mut self, response: &[u8], batch: &Batch<'_>) -> Result<(), Stop> {
        if batch.results.is_empty() {
            return Ok(());
        }
        let words = match &mut self.sink {
            Sink::Output(output) => return write(output, response),
            Sink::Command(words) => words.clone(),
        };
        let Some(kind) = self.args.exceptions.clone() else {
            let input = lines(&batch.results);
            return Ok(hand_over(&words, input)?);
        };
        let mut failed = Vec::new();
        for result in &batch.results {
            let Err(failure) = hand_over(&words, lines(&[result])) else {
                continue;
            };
            let Some(uid) = follow::uid(result) else {
                return Err(failure.fact("the comment has no uid to tag it by").into());
            };
            failed.push(uid);
        }
        if failed.is_empty() {
            return Ok(());
        }
        let request = self.stream.tag(&failed, &kind, self.profile)?;
        let endpoint = follow::endpoint("tag-stream-exceptions")?;
        self.call(request, endpoint).await?;
        self.failed += failed.len() as u64;
        Ok(())
    }

    /// Moves the stream behind a batch. When the reply is lost, the stream is read to see whether
    /// it has moved: a token that lies behind is never sent again.
    async fn advance(&mut self, batch: &Batch<'_>) -> Result<(), Stop> {
        let token = batch.token()?;
        let endpoint = follow::endpoint("advance-stream")?;
        for advances in 1.. {
            let request = self.stream.advance(token, self.profile)?;
            let failure = match self.call(request, endpoint).await {
                Ok(_) => return Ok(()),
                Err(Stop::Failed(failure)) if follow::is_unknown(failure.exit) => failure,
                Err(stop) => return Err(stop),
            };
            if advances >= MAX_ADVANCES {
                return Err(failure
                    .fact("the batch was delivered, and may be delivered again")
                    .into());
            }
            self.cx.notes(&[format!(
                "note: {}; reading the stream to see whether it has moved",
                failure.headline
            )]);
            let now = self.read().await?;
            if self.route.batch(&now)?.position() != batch.position() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Says how far it came.
    fn conclude(self, ended: Option<Result<(), Stop>>) -> Result<Exit> {
        let Follower {
            meter,
            batches,
            results,
            failed,
            args,
            profile,
            cx,
            ..
        } = self;
        drop(meter);
        let nothing_happened = !matches!(ended, Some(Ok(()))) && batches == 0;
        if !args.silent && !nothing_happened {
            let tagged = if failed > 0 {
                format!("; {} tagged", counted(failed, "exception", "exceptions"))
            } else {
                String::new()
            };
            let name = sanitise(&profile.name);
            let style = if profile.guard.value == Guard::None {
                cx.stderr_theme.profile
            } else {
                cx.stderr_theme.profile_guarded
            };
            cx.notes(&[format!(
                "{style}{name}{style:#}  {}  {} in {}{tagged}",
                sanitise(&args.stream.to_string_lossy()),
                counted(results, "result", "results"),
                counted(batches, "batch", "batches"),
            )]);
        }
        match ended {
            // Nobody reads on: what was not written was not advanced over either.
            Some(Ok(()) | Err(Stop::ClosedPipe)) => Ok(Exit::Ok),
            Some(Err(Stop::Failed(failure))) => Err(failure),
            // Without --once this is how the command usually ends.
            None => Ok(Exit::Interrupted),
        }
    }
}

fn route(args: &FollowArgs) -> Route {
    if args.legacy {
        Route::Fetch
    } else {
        Route::Results
    }
}

/// Asks every guard that moving this stream meets.
fn pass_guard(
    stream: &Stream,
    args: &FollowArgs,
    profile: &Profile,
    connection: &Connection,
    cx: &Context,
) -> Result<()> {
    let request = stream.advance(b"\"\"", profile)?;
    let path = target::below(&request, profile, &Redactor::default());
    let judgement = judged(&request, profile, connection);
    let decision = confirm::decide(&judgement, args.confirm.as_deref(), cx);
    confirm::pass(decision, &request, &path, &judgement.classified, profile)?;
    judgement.check_token()
}

fn judged(request: &Request, profile: &Profile, connection: &Connection) -> Judgement {
    let sent = Sent::of(request, connection::led_to(&request.url, connection));
    ownership::judge(&sent, Profiles::with(profile))
}

/// Returns the calls of a round as text.
fn preview(
    stream: &Stream,
    args: &FollowArgs,
    options: &CallOptions,
    profile: &Profile,
    cx: &Context,
) -> Result<String> {
    let route = route(args);
    let read = stream.read(route, args.batch, args.max_filtered, profile)?;
    let advance = stream.advance(b"\"\"", profile)?;
    let connection = connection::decide(&options.connection, profile, &read.url, &cx.env)?;
    let judgement = judged(&advance, profile, &connection);
    let decision = confirm::decide(&judgement, args.confirm.as_deref(), cx);
    judgement.check_token()?;
    let mut steps = vec![Step {
        request: read,
        endpoint: route.endpoint()?,
        when: "reads a batch",
    }];
    if let Some(kind) = &args.exceptions {
        steps.push(Step {
            request: stream.tag(&[], kind, profile)?,
            endpoint: follow::endpoint("tag-stream-exceptions")?,
            when: "tags the comments whose command failed, if there are any",
        });
    }
    steps.push(Step {
        request: advance,
        endpoint: follow::endpoint("advance-stream")?,
        when: "moves the stream behind the batch, once it is safe",
    });
    let proxy = connection.proxy.as_ref();
    Ok(follow_preview::page(&steps, profile, &decision, proxy))
}

fn open_output(session: &Session<'_>, cx: &Context) -> Result<BodyOutput> {
    let terminal = cx.env.stdout_terminal;
    let view = View {
        shape: Shape::NdJson,
        wanted: Wanted::Asked(Path::parse("results")?),
        ..View::raw()
    };
    let screen = Screen {
        terminal,
        width: None,
        theme: cx.stdout_theme.clone(),
    };
    let secret = terminal.then(|| session.secret());
    let renderer = view.renderer(&screen, None);
    BodyOutput::open_paged(
        &Destination::StandardOutput,
        renderer,
        terminal,
        secret,
        None,
    )
    .map_err(|error| {
        Failure::new(
            Exit::Write,
            format!("the output cannot be written: {}", io_reason(&error)),
        )
    })
}

fn write(output: &mut BodyOutput, response: &[u8]) -> Result<(), Stop> {
    output.page(response).map_err(|trouble| match trouble {
        Trouble::Write(error) => response::cannot_write(&error),
        Trouble::Content(failure) => Stop::Failed(failure),
    })?;
    output
        .sync()
        .map_err(|error| response::cannot_write(&error))?;
    Ok(())
}

/// Returns results one a line, each in the server's own bytes where they have no line break.
fn lines(results: &[&[u8]]) -> Vec<u8> {
    let mut text = Vec::new();
    for result in results {
        crate::output::items::ndjson::line(result, &mut text);
    }
    text
}

/// Runs the command on a text; it must end with 0.
fn hand_over(words: &[String], input: Vec<u8>) -> Result<()> {
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| Failure::usage("--exec names no command"))?;
    let cannot = |error: &io::Error| {
        Failure::local(format!(
            "the command {program} cannot be run: {}",
            io_reason(error)
        ))
        .fact("the stream was not advanced")
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    let Started { running, stdin, .. } =
        signal::spawn(&mut command).map_err(|error| cannot(&error))?;
    if let Some(mut stdin) = stdin {
        // A command need not read what it is given: how it ends is what counts.
        let _not_read = stdin.write_all(&input);
    }
    let status = loop {
        match running.poll() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) => std::thread::sleep(Duration::from_millis(2)),
            Err(error) => break Err(error),
        }
    };
    signal::forget_child();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(
            Failure::local(format!("the command {program} failed: {status}"))
                .fact("the stream was not advanced: the batch comes again"),
        ),
        Err(error) => Err(cannot(&error)),
    }
}
