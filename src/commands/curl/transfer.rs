//! The exchange under curl's rules: tries, redirects, and the answer on its way out.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::sink::Sink;
use super::{hidden, shown};
use crate::catalogue::{self, Class};
use crate::cli::curl::{CurlArgs, OnHttpError};
use crate::commands::Context;
use crate::commands::answer::{self, has_no_body};
use crate::commands::session::answered;
use crate::error::{Failure, Result, io_reason};
use crate::exchange::auth::Credential;
use crate::exchange::client::{Client, Connection};
use crate::exchange::decode::{DecodeError, Decoder};
use crate::exchange::failure::{TransportFailure, TransportKind};
use crate::exchange::retry::{self, Outcome};
use crate::exchange::{self, Exchange, Head, TimeLimits};
use crate::exit::Exit;
use crate::output::dump::Dump;
use crate::output::file::cannot_write;
use crate::output::record::Record;
use crate::output::stdout::note;
use crate::output::terminal::sanitise;
use crate::output::verbose;
use crate::plan::curl::address::Address;
use crate::plan::curl::draft::{Allowed, Draft};
use crate::plan::curl::redirect;
use crate::plan::curl::retry::Retries;
use crate::plan::curl::{self as plan, Place, Tenants, policy};
use crate::request::Request;
use crate::secret::Redactor;
use crate::verdict::explain;

/// A call that is being made.
pub(super) struct Transfer<'a> {
    pub(super) args: &'a CurlArgs,
    pub(super) tenants: Tenants<'a>,
    pub(super) place: &'a Place,
    /// What the catalogue knows of the call, where it goes to the profile's endpoint.
    pub(super) class: Option<Class>,
    pub(super) connection: Connection,
    pub(super) credential: Option<Credential>,
    pub(super) redactor: Redactor,
    pub(super) retries: Retries,
    pub(super) limits: TimeLimits,
    pub(super) max_size: Option<u64>,
    pub(super) max_redirs: Option<u32>,
    pub(super) cx: &'a Context,
}

/// Why a try gave nothing.
enum Lost {
    /// On the way, which may be tried again.
    Transport(TransportFailure),
    /// For good.
    Failed(Failure),
}

impl From<Failure> for Lost {
    fn from(failure: Failure) -> Self {
        Lost::Failed(failure)
    }
}

/// How a try ended that got an answer.
enum Ended {
    /// It has been passed on, or is what it is.
    Done(Result<Exit>),
    /// It is to be tried again after this time.
    Again(Duration),
}

/// Where heads and body go.
struct Output {
    sink: Sink,
    dump: Option<Dump>,
}

impl Transfer<'_> {
    /// Makes the call, again where that is allowed. `first` is the first request, made of `draft`;
    /// `kept` makes the next ones, where the body can be sent once more.
    ///
    /// # Errors
    /// Fails with curl's codes.
    pub(super) async fn run(
        &self,
        kept: Option<Draft>,
        first: Option<Request>,
        draft: Draft,
        record: &mut Record,
    ) -> Result<Exit> {
        let mut output = self.output()?;
        let begun = Instant::now();
        let (mut draft, mut next, mut tries) = (draft, first, 0);
        let result = loop {
            tries += 1;
            let again = |outcome: Outcome<'_>, asked: Option<Duration>| {
                let fails = self.args.fail != OnHttpError::Nothing;
                let is_tried = kept.is_some() && self.retries.apply(outcome, self.class, fails);
                is_tried
                    .then(|| self.retries.wait(tries, asked, begun.elapsed()))
                    .flatten()
            };
            let ended = self
                .attempt(&mut draft, next.take(), &mut output, &again, record)
                .await;
            let (wait, cause) = match ended {
                Ok(Ended::Done(result)) => break result,
                Err(Lost::Failed(failure)) => break Err(failure),
                Ok(Ended::Again(wait)) => {
                    let status = record.answer.as_ref().map_or(0, |answer| answer.status);
                    (wait, format!("the server answered {status}"))
                }
                Err(Lost::Transport(lost)) => {
                    let failure = self.explain(&lost, &draft);
                    let wait = again(Outcome::Failed(&lost), None);
                    match wait.filter(|_| !output.sink.is_committed()) {
                        Some(wait) => (wait, failure.headline),
                        None => break Err(failure),
                    }
                }
            };
            if !self.args.silent {
                note(&format!(
                    "note: {cause}; trying again in {} (retry {tries} of {})",
                    explain::seconds(wait),
                    self.retries.most
                ));
            }
            record.retries += 1;
            tokio::time::sleep(wait).await;
            output.sink.restart()?;
            match kept.as_ref().and_then(Draft::again) {
                Some(copy) => draft = copy,
                None => break Err(Failure::local("the body cannot be sent again")),
            }
        };
        record.file = output.sink.file_name();
        if result.is_err() && self.args.remove_on_error {
            output.sink.remove();
        }
        result
    }

    /// Makes one try, with the redirects that follow from it.
    async fn attempt(
        &self,
        draft: &mut Draft,
        first: Option<Request>,
        output: &mut Output,
        again: &impl Fn(Outcome<'_>, Option<Duration>) -> Option<Duration>,
        record: &mut Record,
    ) -> Result<Ended, Lost> {
        let mut address = self.place.address.clone();
        let mut request = first;
        let mut allowed = Allowed::default();
        let mut heads: Vec<Vec<u8>> = Vec::new();
        let mut hops = 0;
        record.redirects = 0;
        loop {
            let Some(next) = request.take().or_else(|| draft.request(&address, allowed)) else {
                let failure = Failure::new(
                    Exit::Local,
                    "the body was streamed and cannot be sent again",
                );
                return Err(failure.into());
            };
            let exchange = self.send(next, &address, record).await?;
            heads.push(exchange.head.block.clone());
            let head_size = heads.iter().map(Vec::len).sum();
            if let Some(answer) = &mut record.answer {
                answer.head_size = head_size;
            }
            let following = self
                .args
                .location
                .then(|| redirect::destination(&address, &exchange.head, self.args.path_as_is))
                .transpose()?
                .flatten();
            let Some(next) = following else {
                let head = &exchange.head;
                let asked = retry::asked(&head.headers, SystemTime::now());
                if let Some(wait) = again(Outcome::Status(head.status), asked) {
                    return Ok(Ended::Again(wait));
                }
                return self.pass_on(exchange, &heads, output, record).await;
            };
            if self.max_redirs.is_some_and(|most| hops >= most) {
                output.heads(&heads, self.shows_heads())?;
                return Err(Failure::new(Exit::TooManyRedirects, "too many redirects")
                    .fact(format!("--max-redirs {hops}"))
                    .into());
            }
            hops += 1;
            redirect::turn(draft, exchange.head.status, self.args);
            self.check_hop(draft, &next)?;
            allowed = redirect::allowed(&self.place.address, &next, self.own());
            address = next;
            record.redirects = hops;
            record.url = self.redactor.clean(&address.text());
        }
    }

    fn own(&self) -> Option<&crate::profile::Profile> {
        self.tenants.chosen.filter(|_| self.place.is_own)
    }

    fn check_hop(&self, draft: &Draft, next: &Address) -> Result<()> {
        let list = self
            .args
            .proto_redir
            .as_deref()
            .or(self.args.proto.as_deref());
        policy::check_protocol(list, "--proto-redir", next.url.scheme())?;
        let method = draft.method();
        if plan::may_follow(&method, self.class, &next.url, self.tenants) {
            return Ok(());
        }
        Err(Failure::new(
            Exit::TooManyRedirects,
            format!("the redirect would repeat a {method} somewhere else, and was not followed"),
        )
        .fact(format!(
            "it leads to {}",
            sanitise(&self.redactor.target(&next.text()))
        ))
        .hint("the first request may have been applied: look before it is sent again"))
    }

    /// Sends one request and waits for the head of its answer.
    async fn send(
        &self,
        request: Request,
        address: &Address,
        record: &mut Record,
    ) -> Result<Exchange, Lost> {
        let client = Client::build(&address.url, &self.connection)?;
        // Under the endpoint in every reading, or without the token.
        let credential = self.credential.as_ref().filter(|_| {
            self.own()
                .is_some_and(|profile| address.is_under(&profile.base.value))
        });
        if self.args.verbose {
            self.cx.notes(&verbose::exact(
                &request,
                credential.is_some(),
                &self.redactor,
            ));
        }
        record.requests += 1;
        record.redactor.clone_from(&self.redactor);
        record.method = request.method.to_string();
        let sent = exchange::send(&client, request, credential, self.limits, true).await;
        record.timings = Some(client.timings());
        let exchange = sent.map_err(Lost::Transport)?;
        record.head_sent += exchange.head.sent;
        answered(&exchange, record);
        record.redirect_url = redirect::destination(address, &exchange.head, self.args.path_as_is)
            .ok()
            .flatten()
            .map(|next| self.redactor.clean(&next.text()));
        if self.args.verbose {
            self.cx
                .notes(&verbose::head(&exchange.head.block, &self.redactor));
        }
        Ok(exchange)
    }

    fn shows_heads(&self) -> bool {
        self.args.include || self.args.head
    }

    /// Writes an answer where it is wanted.
    async fn pass_on(
        &self,
        mut exchange: Exchange,
        heads: &[Vec<u8>],
        output: &mut Output,
        record: &mut Record,
    ) -> Result<Ended, Lost> {
        output.heads(heads, self.shows_heads())?;
        let status = exchange.head.status;
        let http_error = (status >= 400)
            .then(|| Failure::new(Exit::HttpError, format!("the server answered {status}")));
        if let (OnHttpError::Fail, Some(failure)) = (self.args.fail, &http_error) {
            return Ok(Ended::Done(Err(failure.clone())));
        }
        output.sink.open()?;
        if !self.args.head {
            self.read(&mut exchange, &mut output.sink, record).await?;
        }
        record.timings = Some(exchange.timings());
        output.sink.finish()?;
        Ok(Ended::Done(match (self.args.fail, http_error) {
            (OnHttpError::FailWithBody, Some(failure)) => Err(failure),
            _ => Ok(Exit::Ok),
        }))
    }

    async fn read(
        &self,
        exchange: &mut Exchange,
        sink: &mut Sink,
        record: &mut Record,
    ) -> Result<(), Lost> {
        let too_large = || {
            Failure::new(
                Exit::TooLarge,
                "the body is larger than --max-filesize allows",
            )
        };
        let announced = exchange.head.headers.get("content-length");
        let announced: Option<u64> = announced.and_then(|value| value.to_str().ok()?.parse().ok());
        if let (Some(most), Some(length)) = (self.max_size, announced)
            && length > most
        {
            return Err(too_large().into());
        }
        let mut decoder = self.decoder(&exchange.head)?;
        let mut seen = 0;
        let mut write = |piece: &[u8]| {
            seen += piece.len() as u64;
            if self.max_size.is_some_and(|most| seen > most) {
                return Err(too_large());
            }
            sink.write(piece)
        };
        let mut received = 0;
        let result = loop {
            match exchange.chunk().await {
                Ok(Some(chunk)) => {
                    received += chunk.len() as u64;
                    if let Err(error) = decoder.push(&chunk, &mut write) {
                        break Err(Lost::Failed(coding(error)));
                    }
                }
                Ok(None) => {
                    let ended = decoder.finish(&mut write);
                    break ended.map_err(|error| Lost::Failed(coding(error)));
                }
                Err(lost) => break Err(Lost::Transport(lost)),
            }
        };
        record.received = received;
        record.bytes = seen;
        record.timings = Some(exchange.timings());
        result
    }

    /// Returns what undoes the body's content coding, where that is asked for and there is a body.
    fn decoder(&self, head: &Head) -> Result<Decoder> {
        if !self.args.compressed || has_no_body(head.status) {
            return Ok(Decoder::identity());
        }
        answer::decoder(head)
    }

    /// Explains a call that got no whole answer, with curl's code for it.
    fn explain(&self, lost: &TransportFailure, draft: &Draft) -> Failure {
        let url = &self.place.address.url;
        let host = format!(
            "{}:{}",
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default()
        );
        let proxy = self.connection.proxy.as_ref();
        let (method, proxy_place) = (draft.method(), shown(proxy));
        let class = match self.class {
            Some(class) => class,
            None if plan::is_read(&method) => Class::Read,
            None => Class::Write,
        };
        let tells = self.own().and_then(|profile| {
            let prefix = profile.base.value.path_prefix();
            let below = self.place.address.path().strip_prefix(prefix)?;
            catalogue::read_that_tells(method.as_str(), below, None)
        });
        let about = explain::About {
            method: method.as_str(),
            path: self.place.address.path(),
            host: &host,
            profile: self.own().map_or("", |profile| profile.name.as_str()),
            token_source: None,
            permissions: &[],
            class,
            tells,
            proxy: proxy_place.as_deref(),
            redactor: &self.redactor,
        };
        let mut failure = explain::transport(lost, &about);
        match &lost.kind {
            TransportKind::Lookup { host, .. }
                if proxy.and_then(|proxy| proxy.url.host_str()) == Some(host.as_str()) =>
            {
                failure.exit = Exit::PROXY_NAME;
            }
            TransportKind::NotHttp { .. } => failure.exit = Exit::Local,
            TransportKind::ProxyRefused { .. } => failure.exit = Exit::Receive,
            TransportKind::Upload { .. } => failure.exit = Exit::Read,
            _ => {}
        }
        failure
    }

    /// Finds out where the answer goes.
    fn output(&self) -> Result<Output> {
        let args = self.args;
        let dump = match args.dump_header.as_deref() {
            None => None,
            Some(place) => {
                create_folders(Path::new(place), args.create_dirs)?;
                let dump = Dump::open(place, hidden(self.credential.as_ref()));
                Some(dump.map_err(|error| cannot_write(&place.to_string_lossy(), &error))?)
            }
        };
        let named = match args.output.as_deref() {
            Some(file) if file == "-" => None,
            Some(file) => Some(PathBuf::from(file)),
            None if args.remote_name => Some(PathBuf::from(remote_name(&self.place.address))),
            None => None,
        };
        let sink = match named {
            Some(file) => {
                let file = match &args.output_dir {
                    Some(folder) => Path::new(folder).join(file),
                    None => file,
                };
                create_folders(&file, args.create_dirs)?;
                Sink::file(file, args.no_clobber, hidden(self.credential.as_ref()))
            }
            None => Sink::stdout(
                self.cx.env.stdout_terminal,
                hidden(self.credential.as_ref()),
                args.output.is_some(),
            ),
        };
        Ok(Output { sink, dump })
    }
}

impl Output {
    /// Writes the heads of an answer and of the redirects before it.
    fn heads(&mut self, heads: &[Vec<u8>], shown: bool) -> Result<()> {
        let cannot = |error: &std::io::Error| {
            Failure::new(
                Exit::Write,
                format!("the headers cannot be written: {}", io_reason(error)),
            )
        };
        for head in heads {
            if let Some(dump) = &mut self.dump {
                dump.write(head).map_err(|error| cannot(&error))?;
            }
            if shown {
                self.sink.write(head)?;
            }
        }
        Ok(())
    }
}

fn create_folders(file: &Path, wanted: bool) -> Result<()> {
    let Some(folder) = file.parent().filter(|_| wanted) else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|error| {
        Failure::new(
            Exit::Write,
            format!(
                "cannot make the folder {}: {}",
                sanitise(&folder.to_string_lossy()),
                io_reason(&error)
            ),
        )
    })
}

/// Returns the last segment of a URL's path, or curl's word where there is none. A name with
/// another folder's separator in it is none.
fn remote_name(address: &Address) -> &str {
    let name = address.path().rsplit('/').next().unwrap_or_default();
    if matches!(name, "" | "." | "..") || name.contains(['\\', ':']) {
        "curl_response"
    } else {
        name
    }
}

fn coding(error: DecodeError<Failure>) -> Failure {
    match error {
        DecodeError::Sink(failure) => failure,
        DecodeError::Broken => {
            Failure::new(Exit::Coding, "the body is not what its content coding says")
        }
        DecodeError::Truncated => Failure::new(
            Exit::Coding,
            "the body ends in the middle of its content coding",
        ),
    }
}
