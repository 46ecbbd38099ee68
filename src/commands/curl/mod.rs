//! `rein curl ...`: a line of curl's, with curl's answer, output and exit codes.

mod known;
mod sink;
mod transfer;

use crate::cli::CurlCall;
use crate::cli::curl::{self as line, CurlArgs};
use crate::cli::options::RequestOptions;
use crate::commands::token::{self, Freshness};
use crate::commands::{Context, choose, confirm, print, told};
use crate::error::{Failure, Result};
use crate::exchange::auth::Credential;
use crate::exchange::client::Connection;
use crate::exchange::proxy::Proxy;
use crate::exit::Exit;
use crate::input::{self, Input};
use crate::output::record::Record;
use crate::output::stdout::note;
use crate::output::terminal::sanitise;
use crate::plan::curl::draft::{self, Draft};
use crate::plan::curl::{self as plan, Place, Tenants, explain, policy};
use crate::plan::target;
use crate::plan::{self as planning, connection, preview};
use crate::profile::resolve;
use crate::profile::{Guard, Profile};
use crate::request::{Request, TypedCredential};
use crate::secret::source::Token;
use crate::secret::{Redactor, Secret};

use self::transfer::Transfer;

/// Runs a line of curl's.
///
/// # Errors
/// Fails (exit 2) on a line that cannot be understood; every other failure is told under curl's
/// rules of silence and is an exit code.
pub(crate) fn run(call: &CurlCall, cx: &Context) -> Result<Exit> {
    let mut args = line::parse(&call.words)?;
    take_prefix(&mut args, call);
    if args.help {
        return help();
    }
    if args.version {
        return print(concat!("rein ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    if !args.silent {
        for what in &args.mended {
            note(&format!("note: {what}"));
        }
    }
    let is_silent = args.silent && !args.show_error;
    match called(args, cx) {
        Ok(exit) => Ok(exit),
        Err(failure) => {
            // What kept a call from being sent is never hidden: the script would go on.
            if !is_silent || matches!(failure.exit, Exit::Usage | Exit::Guard | Exit::Read) {
                cx.fail(&failure);
            }
            Ok(failure.exit)
        }
    }
}

/// Takes what stood before the word curl, where nothing behind it says otherwise.
fn take_prefix(args: &mut CurlArgs, call: &CurlCall) {
    let (own, before) = (&mut args.profile, &call.profile);
    own.profile = own.profile.take().or_else(|| before.profile.clone());
    own.endpoint = own.endpoint.take().or_else(|| before.endpoint.clone());
    own.project = own.project.take().or_else(|| before.project.clone());
    own.token_file = own.token_file.take().or_else(|| before.token_file.clone());
    own.config = own.config.take().or_else(|| before.config.clone());
    args.confirm = args.confirm.take().or_else(|| call.confirm.clone());
    args.explain |= call.explain;
    args.dry_run |= call.dry_run;
    args.var.splice(0..0, call.var.iter().cloned());
}

fn help() -> Result<Exit> {
    let mut command = crate::command();
    command.build();
    match command.find_subcommand_mut("curl") {
        Some(curl) => print(&curl.render_help().to_string()),
        None => Ok(Exit::Ok),
    }
}

fn called(args: CurlArgs, cx: &Context) -> Result<Exit> {
    stdin_taken(&args)?;
    let write_out = args.write_out.as_deref().map(told::format).transpose()?;
    let runtime = cx.runtime()?;
    let mut record = Record::default();
    let result = runtime.block_on(planned(&args, &mut record, cx));
    // A name lookup that hangs would hold up a runtime that is dropped.
    runtime.shutdown_background();
    let was_tried = record.timings.is_some()
        || matches!(&result, Err(failure) if failure.exit == Exit::URL_MALFORMED);
    match write_out {
        Some(format) if was_tried => {
            let wanted = told::Wanted {
                meta: None,
                write_out: Some(format),
                report: None,
            };
            told::tell(&record, result, &wanted, cx)
        }
        _ => result,
    }
}

/// Plans the call, lets its guard look at it, and makes it.
async fn planned(args: &CurlArgs, record: &mut Record, cx: &Context) -> Result<Exit> {
    let url = only_url(args)?;
    let sends = !args.explain && !args.dry_run;
    let choice = choose::choice(&args.profile);
    let (mut profile, others) = resolve::resolve_if_any(&choice, &cx.env)?;
    let _tenant = match profile.as_mut().filter(|_| sends) {
        Some(profile) => choose::start_demo(profile).await?,
        None => None,
    };
    let tenants = Tenants {
        chosen: profile.as_ref(),
        others: &others,
    };
    let vars = planning::vars(&args.var)?;
    let mut place = plan::place(url, args, tenants, &vars)?;
    let input = read_input(args)?;
    place.address = draft::with_additions(place.address, args, &input)?;
    let scheme = place.address.url.scheme();
    policy::check_protocol(args.proto.as_deref(), "--proto", scheme)?;
    let modified =
        draft::condition_file(args).and_then(|file| std::fs::metadata(file).ok()?.modified().ok());
    let mut draft = Draft::new(args, input, &place.address, modified)?;
    let own = tenants.chosen.filter(|_| place.is_own);
    let wants_token = own.is_some() && draft.typed() == TypedCredential::Profile;
    if let Some(profile) = own {
        settle_credential(profile, wants_token, &mut draft, &mut place, cx)?;
    }
    let call = Call {
        args,
        tenants,
        place,
        wants_token,
        cx,
    };
    call.go(draft, record).await
}

/// Decides between what was typed and the profile's token.
fn settle_credential(
    profile: &Profile,
    wants_token: bool,
    draft: &mut Draft,
    place: &mut Place,
    cx: &Context,
) -> Result<()> {
    let name = sanitise(&profile.name).into_owned();
    if wants_token {
        if draft.overrides_host(&place.address) {
            return Err(Failure::usage(
                "the token goes to the URL's own host, and -H 'Host: ...' names another",
            )
            .fact("nothing was sent")
            .hint("leave the header out, or connect elsewhere with --resolve or --connect-to"));
        }
        if draft.names_a_credential() {
            let what =
                format!("the Authorization line has no token: the one of profile {name} is sent");
            place.notes.push(what);
            draft.drop_typed_credential();
        }
        return Ok(());
    }
    if let TypedCredential::Bearer(typed) = draft.typed()
        && !known::token_at_hand(profile, cx).is_some_and(|token| token.secret == typed)
    {
        place.notes.push(format!(
            "another token than that of profile {name} was typed, and is sent"
        ));
    }
    Ok(())
}

fn only_url(args: &CurlArgs) -> Result<&str> {
    match args.urls.as_slice() {
        [] => Err(Failure::usage("no URL was given").hint("rein curl --help")),
        [url] => url
            .to_str()
            .ok_or_else(|| Failure::usage("the URL is not valid UTF-8")),
        [_, second, ..] => Err(Failure::usage(format!(
            "a second URL was given: {}",
            sanitise(&second.to_string_lossy())
        ))
        .fact("one call is one request; nothing was sent")
        .hint("call once for each URL; a value with blanks needs quotes")),
    }
}

fn read_input(args: &CurlArgs) -> Result<Input> {
    let options = RequestOptions {
        header: args.header.clone(),
        url_query: args.url_query.clone(),
        upload_file: args.upload_file.clone(),
        ..RequestOptions::default()
    };
    input::gather_or(
        Exit::Read,
        &options,
        args.data.clone(),
        args.form.clone(),
        &[],
        stdin_taken(args)?,
    )
}

fn stdin_taken(args: &CurlArgs) -> Result<bool> {
    let token_file = args.profile.token_file.as_deref();
    input::stdin_taken(token_file, args.write_out.as_deref())
}

/// A call that has been decided in every point but the token's value.
struct Call<'a> {
    args: &'a CurlArgs,
    tenants: Tenants<'a>,
    place: Place,
    wants_token: bool,
    cx: &'a Context,
}

impl Call<'_> {
    /// Guards the call, and shows or makes it.
    async fn go(self, draft: Draft, record: &mut Record) -> Result<Exit> {
        let own = self.tenants.chosen.filter(|_| self.place.is_own);
        // Looked at before anything is taken out of the body.
        let (mut looked_at, draft) = match draft.again() {
            Some(copy) => (copy, Some(draft)),
            None => (draft, None),
        };
        let request = plan::first_request(&mut looked_at, &self.place)?;
        self.fill(record, &request, own);
        let mut class = None;
        if let Some(profile) = own {
            let classified = plan::classified(&request, &self.place, profile);
            let confirmed = self.args.confirm.as_deref();
            let decision = confirm::decide(&classified, profile, confirmed, self.cx);
            record.class = Some(classified.class.name());
            if self.args.dry_run {
                return print(&preview::dry_run(&preview::Look {
                    request: &request,
                    filled: &[],
                    classified: &classified,
                    profile,
                    decision: &decision,
                    proxy: self.connection(own)?.proxy.as_ref(),
                }));
            }
            if !self.args.explain {
                confirm::pass(decision, &request, &record.path, &classified, profile)?;
            }
            class = Some(classified.class);
        } else {
            let known = known::tokens(&self.args.profile, self.tenants.chosen, self.cx);
            plan::refuse_known_tokens(&request, &self.place.address, &known)?;
            plan::refuse_ways_round(&self.place.address, &request.method, self.tenants)?;
        }
        if self.args.dry_run {
            return self.show_elsewhere(&request);
        }
        if self.args.explain {
            let line = explain::line(&request, &self.place, own, self.args)?;
            return print(&line);
        }
        self.tell_notes(&looked_at);
        let (connection, credential, redactor) = self.prepare(own, &looked_at, record).await?;
        let transfer = Transfer {
            args: self.args,
            tenants: self.tenants,
            place: &self.place,
            class,
            connection,
            credential,
            redactor,
            retries: policy::retries(self.args)?,
            limits: policy::limits(self.args)?,
            max_size: policy::max_size(self.args)?,
            max_redirs: policy::max_redirs(self.args)?,
            cx: self.cx,
        };
        transfer.run(draft, Some(request), looked_at, record).await
    }

    /// Shows a call that goes to none of rein's endpoints.
    fn show_elsewhere(&self, request: &Request) -> Result<Exit> {
        let proxy = self.connection(None)?.proxy;
        let url = self.place.address.text();
        print(&preview::dry_run_elsewhere(request, &url, proxy.as_ref()))
    }

    fn fill(&self, record: &mut Record, request: &Request, own: Option<&Profile>) {
        let redactor = Redactor::default();
        record.method = request.method.to_string();
        record.url = redactor.clean(&self.place.address.text());
        record.path.clone_from(&record.url);
        record.sent = request.body.length().unwrap_or(0);
        if let Some(profile) = own {
            record.profile = Some(profile.name.clone());
            record.guarded = profile.guard.value != Guard::None;
            record.path = target::below(request, profile, &redactor);
        }
    }

    fn tell_notes(&self, draft: &Draft) {
        if !self.args.silent {
            for text in self.place.notes.iter().chain(&draft.notes) {
                note(&format!("note: {text}"));
            }
        }
    }

    /// Reads the token, and decides on the connection.
    async fn prepare(
        &self,
        own: Option<&Profile>,
        draft: &Draft,
        record: &mut Record,
    ) -> Result<(Connection, Option<Credential>, Redactor)> {
        let mut connection = self.connection(own)?;
        let mut redactor = Redactor::default();
        for secret in draft.secrets() {
            redactor.learn(&secret);
        }
        let Some(profile) = own.filter(|_| self.wants_token) else {
            return Ok((connection, None, redactor));
        };
        let url = &self.place.address.url;
        connection::keep_at_home(&mut connection, url)?;
        let limits = policy::limits(self.args)?;
        let options = &self.args.connection;
        let token: Token = token::obtain(
            profile,
            options,
            limits,
            Freshness::Kept,
            &mut record.requests,
            self.cx,
        )
        .await?;
        redactor.learn(&token.secret);
        record.token_source = Some(token.source.clone());
        let credential = Credential::for_call(url, profile, &token, &TypedCredential::Profile)?;
        let leads_away = |host: &Option<String>| {
            host.as_deref()
                .is_some_and(|host| !matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "::1"))
        };
        if url.scheme() == "http"
            && connection
                .connect_to
                .iter()
                .any(|entry| leads_away(&entry.to_host))
        {
            return Err(Failure::usage(
                "--connect-to would take the token off this machine over plain http",
            )
            .fact("nothing was sent"));
        }
        Ok((connection, Some(credential), redactor))
    }

    fn connection(&self, own: Option<&Profile>) -> Result<Connection> {
        let url = &self.place.address.url;
        let mut options = self.args.connection.clone();
        let cacert = options.cacert.take();
        let decided = connection::decide_for(&options, own, url, &self.cx.env);
        let decided = decided.map_err(|failure| {
            let mut without_proxy = options.clone();
            without_proxy.proxy = Some("".into());
            // What goes away with the proxy is the proxy's.
            match connection::decide_for(&without_proxy, own, url, &self.cx.env) {
                Ok(_) => Failure {
                    exit: Exit::PROXY_NAME,
                    ..failure
                },
                Err(other) => other,
            }
        })?;
        let mut connection = policy::connection(decided, self.args)?;
        if let Some(file) = cacert.filter(|_| url.scheme() == "https") {
            let pem = input::read_text(&file, "--cacert").map_err(|failure| Failure {
                exit: Exit::CaFile,
                ..failure
            })?;
            if !pem.contains("-----BEGIN") {
                return Err(Failure::new(
                    Exit::CaFile,
                    "there is no certificate in the file of --cacert",
                ));
            }
            connection.tls.only_root = Some(pem);
        }
        Ok(connection)
    }
}

/// Returns the proxy's address for a message.
fn shown(proxy: Option<&Proxy>) -> Option<String> {
    proxy.map(Proxy::shown)
}

/// Returns the secret that a terminal must not show.
fn hidden(credential: Option<&Credential>) -> Option<Secret> {
    credential.map(Credential::secret)
}
