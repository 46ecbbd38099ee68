//! A session: what one or many requests to an endpoint share, and how each of them is sent.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::Method;
use url::Url;

use crate::catalogue::{self, Class, Endpoint};
use crate::engine::Context;
use crate::engine::limiter::Limiter;
use crate::engine::token::{self, Freshness};
use crate::engine::token_guard;
use crate::error::{Failure, Result};
use crate::exchange::auth::Credential;
use crate::exchange::client::{Client, HttpVersion};
use crate::exchange::failure::{TransportFailure, TransportKind};
use crate::exchange::retry::{self, Outcome, Spent};
use crate::exchange::timing::Phase;
use crate::exchange::{self, Exchange, Head};
use crate::output::progress;
use crate::output::record::{Attempts, ResponseInfo};
use crate::output::verbose;
use crate::plan::delivery::Delivery;
use crate::plan::redirect::Hops;
use crate::plan::sending::Sending;
use crate::request::{Body, Request};
use crate::secret::source::{Token, TokenSource};
use crate::secret::{Redactor, Secret};
use crate::setting::Origin;
use crate::signal::shutdown::{self, InDoubt};
use crate::text::terminal::sanitise;
use crate::verdict::explain::{self, About};
use crate::verdict::server_timing;

/// Everything that stays the same from request to request.
pub(crate) struct Session<'a> {
    pub(super) cx: &'a Context,
    sending: Sending<'a>,
    /// Where responses go.
    pub(crate) delivery: Delivery,
    client: Client,
    token: Token,
    redactor: Redactor,
    proxy: Option<String>,
    /// Up to how many bytes bodies are held whole before anything is made of them.
    held: Option<u64>,
    /// When requests may be sent, where this is one of many sessions at work. Those say nothing of
    /// single retries: what they come to is reported when all have ended.
    limiter: Option<Arc<Limiter>>,
    /// What is known about the call that is under way, or the last one.
    attempts: Attempts,
    /// The host and port of its request.
    host: String,
    /// The body of its request where it may change something and is in memory.
    body: Option<Bytes>,
}

/// Why a session could not be started.
pub(crate) struct NotStarted {
    /// What is known of its first call.
    pub(crate) attempts: Box<Attempts>,
    pub(crate) failure: Failure,
}

impl From<NotStarted> for Failure {
    fn from(not_started: NotStarted) -> Failure {
        not_started.failure
    }
}

impl<'a> Session<'a> {
    /// Reads the token, or asks for it, and makes the client for a request and those like it.
    ///
    /// # Errors
    /// Fails when there is no token, or no client can be made.
    pub(crate) async fn start(
        sending: Sending<'a>,
        delivery: Delivery,
        first: &Request,
        cx: &'a Context,
    ) -> Result<Self, NotStarted> {
        let mut attempts = sending.attempts(first);
        let started = Session::started(sending, delivery, first, &mut attempts, cx).await;
        let requests = attempts.requests;
        let mut session = started.map_err(|failure| NotStarted {
            attempts: Box::new(attempts),
            failure,
        })?;
        session.begin();
        session.attempts.requests = requests;
        Ok(session)
    }

    async fn started(
        sending: Sending<'a>,
        delivery: Delivery,
        first: &Request,
        attempts: &mut Attempts,
        cx: &'a Context,
    ) -> Result<Self> {
        let mut sending = sending;
        sending.limits = sending.limits.begin();
        let profile = sending.profile;
        let proxy = sending.connection.proxy.as_ref();
        // Before anything is connected, the service that gives tokens included.
        token_guard::refuse(first, &sending.known)?;
        token_guard::refuse_in_proxy(proxy, &sending.known)?;
        let token = token::obtain(
            profile,
            sending.token_service.as_ref(),
            sending.limits,
            Freshness::Kept,
            &mut attempts.requests,
            cx,
        )
        .await?;
        let mut redactor = Redactor::default();
        redactor.learn(&token.secret);
        attempts.token_source = Some(token.source.clone());
        let known = &mut sending.known;
        known.add_token(&token, &profile.name, &profile.base.value);
        known.teach(&mut redactor);
        // Check the origin before connecting, so that no other host ever sees the token.
        Credential::for_call(&first.url, profile, &token, &first.typed)?;
        token_guard::refuse(first, known)?;
        token_guard::refuse_in_proxy(proxy, known)?;
        let mut client = Client::build(&first.url, &sending.connection)?;
        client.watch_for(known.clone());
        if sending.connection.tls.insecure {
            cx.warn("-k: the server's certificate is not checked in this call");
        }
        Ok(Session {
            cx,
            client,
            token,
            redactor,
            proxy: proxy.map(exchange::proxy::Proxy::shown),
            sending,
            delivery,
            held: None,
            limiter: None,
            attempts: Attempts::default(),
            host: String::new(),
            body: None,
        })
    }

    /// Returns a session for a task of its own: the same pool of connections and token, with its
    /// own timings. What the two learn later, such as a renewed token, they do not share.
    pub(crate) fn fork(&self) -> Session<'a> {
        Session {
            cx: self.cx,
            sending: self.sending.clone(),
            delivery: self.delivery.clone(),
            client: self.client.fork(),
            token: self.token.clone(),
            redactor: self.redactor.clone(),
            proxy: self.proxy.clone(),
            held: self.held,
            limiter: self.limiter.clone(),
            attempts: Attempts::default(),
            host: String::new(),
            body: None,
        }
    }

    /// Returns a session for one of many tasks that send when `limiter` lets them.
    pub(crate) fn worker(&self, limiter: Arc<Limiter>) -> Session<'a> {
        Session {
            limiter: Some(limiter),
            ..self.fork()
        }
    }

    /// Writes a line about a request to standard error.
    fn say(&self, line: String) {
        if self.limiter.is_none() {
            self.cx.notes(&[line]);
        }
    }

    /// Returns a session like this one, with the same token, that opens connections of its own to
    /// the host of `target`.
    ///
    /// # Errors
    /// Fails as [`Client::build`] does.
    pub(crate) fn reconnected(&self, target: &Url) -> Result<Session<'a>> {
        let mut client = Client::build(target, &self.sending.connection)?;
        client.watch_for(self.sending.known.clone());
        Ok(Session {
            client,
            ..self.fork()
        })
    }

    /// Begins a call: all requests that follow are counted as its own.
    pub(crate) fn begin(&mut self) {
        self.attempts = self.sending.begun(self.redactor.clone());
        self.attempts.token_source = Some(self.token.source.clone());
    }

    /// Returns what is known about the call that is under way, or the last one, however it ended.
    pub(crate) fn attempts(&self) -> &Attempts {
        &self.attempts
    }

    /// Returns the token, to be hidden where a server echoes it onto a terminal.
    pub(crate) fn secret(&self) -> Secret {
        self.token.secret.clone()
    }

    /// Holds the bodies of the responses that follow, so that a read whose response breaks off in the
    /// middle is retried.
    pub(crate) fn hold_bodies(&mut self, most: u64) {
        self.held = Some(most);
    }

    /// Makes the requests that follow ones of another endpoint.
    pub(crate) fn take_up(&mut self, class: Class, endpoint: Option<&'static Endpoint>) {
        self.sending.class = class;
        self.sending.endpoint = endpoint;
    }

    /// Returns what messages may mention of the request that is under way.
    pub(crate) fn about(&self) -> About<'_> {
        About {
            method: self.attempts.method_name(),
            path: self.attempts.path(),
            host: &self.host,
            profile: &self.sending.profile.name,
            token_source: Some(&self.token.source),
            check: self.check_command(),
            permissions: self
                .sending
                .endpoint
                .map(|endpoint| endpoint.permissions)
                .unwrap_or_default(),
            class: self.sending.class,
            tells: self.read_that_tells(),
            proxy: self.proxy.as_deref(),
            redactor: &self.redactor,
        }
    }

    /// Returns the command that checks the profile; options of this call are not part of it.
    fn check_command(&self) -> Option<String> {
        let profile = self.sending.profile;
        match profile.base.origin {
            _ if matches!(profile.token, TokenSource::Option(_)) => None,
            Origin::Option(_) => None,
            Origin::Variable(_) => Some("rein profile check".to_owned()),
            _ => Some(format!(
                "rein profile check {}",
                shell_words::quote(&profile.name)
            )),
        }
    }

    fn read_that_tells(&self) -> Option<String> {
        let is_more = self.sending.class > Class::Read;
        let (attempts, body) = (&self.attempts, self.body.as_deref());
        is_more
            .then(|| catalogue::read_that_tells(attempts.method_name(), &attempts.path(), body))?
    }

    /// Sends a request, again where that is allowed, and returns the response that counts.
    ///
    /// # Errors
    /// Fails when no response came.
    pub(crate) async fn open(&mut self, request: Request) -> Result<Exchange> {
        self.show(&request);
        if self.delivery.notes.verbose {
            self.cx.notes(&verbose::request(&request, &self.redactor));
        }
        let again = request.try_clone();
        let mut exchange = self.until_final(request, again.as_ref()).await?;
        if exchange.head.status == 401
            && token::is_renewable(self.sending.profile)
            && let Some(request) = again.as_ref().and_then(Request::try_clone)
        {
            let refused = self.token.secret.clone();
            self.token = token::obtain(
                self.sending.profile,
                self.sending.token_service.as_ref(),
                self.sending.limits,
                Freshness::OtherThan(&refused),
                &mut self.attempts.requests,
                self.cx,
            )
            .await?;
            self.redactor.learn(&self.token.secret);
            self.attempts.redactor.clone_from(&self.redactor);
            let profile = self.sending.profile;
            let known = &mut self.sending.known;
            known.add_token(&self.token, &profile.name, &profile.base.value);
            exchange = self.until_final(request, again.as_ref()).await?;
        }
        let mut hops = Hops::new(
            self.sending.redirects,
            self.sending.class,
            self.sending.profile,
        );
        while let Some(next) = hops.next(&exchange.head, again.as_ref())? {
            let to = sanitise(&self.redactor.url(&next.url)).into_owned();
            self.say(format!("note: redirected to {to}"));
            self.attempts.redirects += 1;
            let again = next.try_clone();
            exchange = self.until_final(next, again.as_ref()).await?;
        }
        let response = response_info(&exchange.head, &self.redactor);
        self.attempts.response = Some(Arc::new(response));
        Ok(exchange)
    }

    /// Makes a request the one that a call is said to be.
    pub(crate) fn describe(&self, request: &Request, attempts: &mut Attempts) {
        self.sending.describe(request, attempts);
    }

    /// Makes a request the one that messages and reports are about.
    pub(crate) fn show(&mut self, request: &Request) {
        let host = request.url.host_str().unwrap_or_default();
        let port = request.url.port_or_known_default().unwrap_or_default();
        self.host.clear();
        self.host.push_str(host);
        self.host.push_str(&format!(":{port}"));
        self.body = match &request.body {
            Body::Bytes(bytes) if self.sending.class > Class::Read => Some(bytes.clone()),
            _ => None,
        };
        self.sending.describe(request, &mut self.attempts);
    }

    /// Makes attempts until the outcome is one that is not retried.
    async fn until_final(&mut self, request: Request, again: Option<&Request>) -> Result<Exchange> {
        let begun = Instant::now();
        let mut waiting = Duration::ZERO;
        let url = request.url.clone();
        let mut next = Some(request);
        let mut attempts = 0;
        loop {
            let Some(request) = next.take().or_else(|| again.and_then(Request::try_clone)) else {
                return Err(Failure::local("the request cannot be retried"));
            };
            attempts += 1;
            let outcome = self.attempt(request).await?;
            let spent = Spent {
                in_all: begun.elapsed(),
                waiting,
            };
            if again.is_some() && self.falls_back(&outcome, &url)? {
                self.attempts.retries += 1;
                attempts -= 1;
                continue;
            }
            let Some(wait) = self.wait_after(&outcome, attempts, spent) else {
                return outcome.map_err(|failure| self.failed(&failure));
            };
            let cause = self.cause(&outcome);
            let is_too_late = self.sending.limits.left().is_some_and(|left| left <= wait);
            if is_too_late || again.is_none() {
                let why = match is_too_late {
                    true => format!(
                        "the wait of {} is longer than what -m leaves",
                        explain::seconds(wait)
                    ),
                    false => "the request body was streamed".to_owned(),
                };
                self.say(format!("note: {cause}; not retried: {why}"));
                return outcome.map_err(|failure| self.failed(&failure));
            }
            self.attempts.retries += 1;
            // The connection of a response that nobody reads is given up before the wait.
            drop(outcome);
            let most = self.sending.retries.most();
            self.say(format!(
                "note: {cause}; retrying in {} (retry {attempts} of {most})",
                explain::seconds(wait)
            ));
            tokio::time::sleep(wait).await;
            waiting += wait;
        }
    }

    /// Explains why no response came.
    fn failed(&mut self, failure: &TransportFailure) -> Failure {
        self.attempts.may_have_arrived = explain::request_may_have_arrived(failure);
        explain::transport(failure, &self.about())
    }

    /// Makes one attempt, when the limiter lets it.
    ///
    /// # Errors
    /// Fails when the request must not be sent; how the attempt itself ended is returned.
    async fn attempt(&mut self, request: Request) -> Result<Result<Exchange, TransportFailure>> {
        let profile = self.sending.profile;
        let credential = Credential::for_call(&request.url, profile, &self.token, &request.typed)?;
        token_guard::refuse(&request, &self.sending.known)?;
        if let Some(limiter) = &self.limiter {
            limiter.admit().await;
        }
        self.attempts.requests += 1;
        let once = self.once(request, &credential);
        let outcome = match self.limiter.is_none() && !self.delivery.notes.no_progress {
            true => progress::while_waiting(&self.host, &self.cx.env, once).await,
            false => once.await,
        };
        self.attempts.timings = Some(self.client.timings());
        self.hold_others(&outcome);
        Ok(outcome)
    }

    /// Goes over to HTTP/1.1 when the server requires that, and returns whether it does.
    fn falls_back(
        &mut self,
        outcome: &Result<Exchange, TransportFailure>,
        url: &Url,
    ) -> Result<bool> {
        let is_required = matches!(
            outcome,
            Err(TransportFailure {
                kind: TransportKind::NeedsHttp11,
                ..
            })
        );
        if !is_required || self.sending.connection.version == HttpVersion::Http1 {
            return Ok(false);
        }
        self.sending.connection.version = HttpVersion::Http1;
        self.client = Client::build(url, &self.sending.connection)?;
        self.client.watch_for(self.sending.known.clone());
        self.say(format!(
            "note: {} requires HTTP/1.1; retrying over HTTP/1.1",
            self.host
        ));
        Ok(true)
    }

    /// Returns how much of the command's time is left, when `-m` limits it.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.sending.limits.left()
    }

    async fn once(
        &self,
        request: Request,
        credential: &Credential,
    ) -> Result<Exchange, TransportFailure> {
        let keep_head = self.delivery.needs_header_block || request.method == Method::HEAD;
        // A signal can report one request only; commands that make many report on their own.
        let is_told = self.sending.class != Class::Read && self.limiter.is_none();
        let _until_it_is_answered = is_told.then(|| self.in_doubt());
        let mut exchange = exchange::send(
            &self.client,
            request,
            Some(credential),
            self.sending.limits,
            keep_head,
        )
        .await?;
        match self.held {
            Some(most) => exchange.hold_body(most).await?,
            None if self.sending.class == Class::Read => exchange.begin_body().await?,
            None => {}
        }
        Ok(exchange)
    }

    /// Says of a write that is interrupted once it has been on its way that it may have been applied.
    fn in_doubt(&self) -> InDoubt {
        let client = self.client.clone();
        let text = explain::interrupted(&self.about()).to_string();
        shutdown::in_doubt(move || {
            let sent = matches!(client.phase(), Phase::FirstByte | Phase::Transfer);
            sent.then(|| text.clone())
        })
    }

    /// Keeps the other tasks from sending for as long as the server asks this one to wait.
    fn hold_others(&self, outcome: &Result<Exchange, TransportFailure>) {
        if let (Some(limiter), Ok(exchange)) = (&self.limiter, outcome)
            && matches!(exchange.head.status, 429 | 503)
            && let Some(asked) = retry::asked(&exchange.head.headers, SystemTime::now())
        {
            limiter.hold(asked.min(self.sending.retries.max_time));
        }
    }

    fn wait_after(
        &self,
        outcome: &Result<Exchange, TransportFailure>,
        attempts: u32,
        spent: Spent,
    ) -> Option<Duration> {
        let judged = match outcome {
            Ok(exchange) => Outcome::Status(exchange.head.status),
            Err(failure) => Outcome::Failed(failure),
        };
        if !retry::is_retried(self.sending.class, judged) {
            return None;
        }
        let asked = outcome
            .as_ref()
            .ok()
            .and_then(|exchange| retry::asked(&exchange.head.headers, SystemTime::now()));
        self.sending
            .retries
            .wait(attempts, asked, spent, fastrand::f64())
    }

    /// Says why an attempt is followed by another.
    fn cause(&self, outcome: &Result<Exchange, TransportFailure>) -> String {
        match outcome {
            Ok(exchange) => {
                let head = &exchange.head;
                let line = format!(
                    "{} {}",
                    head.status,
                    sanitise(&self.redactor.clean(&head.reason))
                );
                line.trim_end().to_owned()
            }
            Err(failure) => explain::transport_headline(failure, &self.host).headline,
        }
    }
}

/// Returns what is reported about a response once its header block is there.
fn response_info(head: &Head, redactor: &Redactor) -> ResponseInfo {
    let values = head.headers.get_all("server-timing").iter();
    let mut metrics = server_timing::parse(values.map(http::HeaderValue::as_bytes));
    for metric in &mut metrics {
        for text in std::iter::once(&mut metric.name).chain(&mut metric.description) {
            if let Cow::Owned(clean) = redactor.cleaned(text) {
                *text = clean;
            }
        }
    }
    ResponseInfo {
        status: head.status,
        reason: redactor.clean(&head.reason),
        version: head.version,
        headers: Arc::clone(&head.headers),
        head_size: head.block.len(),
        remote: head.remote,
        metrics,
    }
}
