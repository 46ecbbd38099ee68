//! `rein [METHOD] TARGET [ITEM]...`: one call from words to exit code.

use std::ffi::{OsStr, OsString};

use clap::ArgMatches;

use crate::catalogue::{self, Answer as Answers, Class, Classified, Endpoint, Kind, classify};
use crate::cli::options::{self, CallOptions, DataKind, ProfileOptions};
use crate::cli::units;
use crate::cli::{CallArgs, Parsed};
use crate::commands::answer::Answer;
use crate::commands::token::{self, Freshness};
use crate::commands::{Context, confirm, print};
use crate::demo::Tenant;
use crate::error::Result;
use crate::exchange;
use crate::exchange::TimeLimits;
use crate::exchange::auth::Credential;
use crate::exchange::client::{Client, Connection};
use crate::exit::Exit;
use crate::input::{self, Input};
use crate::output::terminal::sanitise;
use crate::output::verbose;
use crate::plan::preview;
use crate::plan::redirect::Hops;
use crate::plan::{self, connection, template, user_template, words};
use crate::profile::resolve::{self, Choice};
use crate::profile::{Profile, file};
use crate::request::Request;
use crate::secret::Redactor;
use crate::verdict::explain::{self, About};

/// Makes a raw call.
///
/// # Errors
/// Fails with everything that keeps the call from being sent or its answer from being written.
pub(crate) fn raw(parsed: &Parsed, cx: &Context) -> Result<Exit> {
    let call = &parsed.cli.raw;
    let words = words::split(&call.words, crate::cli::subcommand_names)?;
    let typed = Typed::of(&parsed.matches, &call.options, words.items.to_vec());
    run(typed, cx, |input, profile| {
        plan::raw(&words, &call.options.request, input, profile)
    })
}

/// Makes a call by name.
///
/// # Errors
/// Fails as a raw call does, and when the name or an item is not known.
pub(crate) fn by_name(args: &CallArgs, matches: &ArgMatches, cx: &Context) -> Result<Exit> {
    let mut typed = Typed::of(matches, &args.options, args.items.clone());
    let request = &args.options.request;
    if let Some(endpoint) = catalogue::by_name(&args.name) {
        if args.preflight {
            return super::preflight::run(endpoint, args, cx);
        }
        typed.move_files(endpoint);
        return run(typed, cx, |input, profile| {
            template::call(endpoint, request, input, profile)
        });
    }
    let own = file::templates(
        args.options.profile.config.as_deref(),
        &args.templates,
        &cx.env,
    )?;
    let template = own
        .iter()
        .find(|template| template.name == args.name)
        .ok_or_else(|| super::templates::unknown(&args.name, &own))?;
    typed.reads = template.reads;
    run(typed, cx, |input, profile| {
        user_template::call(template, request, input, profile)
    })
}

/// What was typed, in the order that it was typed in.
struct Typed<'a> {
    options: &'a CallOptions,
    data: Vec<(DataKind, OsString)>,
    form: Vec<(bool, OsString)>,
    items: Vec<OsString>,
    /// Whether the user's template says that it only reads.
    reads: bool,
}

impl<'a> Typed<'a> {
    fn of(matches: &ArgMatches, options: &'a CallOptions, items: Vec<OsString>) -> Self {
        let (data, form) = (
            options::data_in_order(matches),
            options::form_in_order(matches),
        );
        Typed {
            options,
            data,
            form,
            items,
            reads: false,
        }
    }

    /// Makes `file=@FILE` a form's part where the endpoint takes a file: it need not be text.
    fn move_files(&mut self, endpoint: &Endpoint) {
        let files = endpoint
            .body_fields
            .iter()
            .filter(|field| field.kind == Kind::File);
        let starts: Vec<String> = files.map(|field| format!("{}=@", field.name)).collect();
        let is_file = |item: &OsString| {
            starts
                .iter()
                .any(|start| item.to_string_lossy().starts_with(start))
        };
        let (files, items): (Vec<OsString>, Vec<OsString>) =
            self.items.drain(..).partition(is_file);
        self.items = items;
        self.form
            .extend(files.into_iter().map(|file| (false, file)));
    }
}

/// Plans, guards and makes a call.
fn run(
    typed: Typed<'_>,
    cx: &Context,
    plan: impl FnOnce(Input, &Profile) -> Result<Request>,
) -> Result<Exit> {
    let runtime = cx.runtime()?;
    let result = runtime.block_on(async {
        let options = typed.options;
        let sends = !options.safety.dry_run && !options.safety.curl;
        let chosen = options.profile.profile.as_deref();
        let tenant = if sends {
            demo_tenant(chosen).await?
        } else {
            None
        };
        let profile = choose_profile(&choice(&options.profile), tenant.as_ref(), cx)?;
        let stdin_taken = options.profile.token_file.as_deref() == Some(OsStr::new("-"));
        let input = input::gather(
            &options.request,
            typed.data,
            typed.form,
            &typed.items,
            stdin_taken,
        )?;
        let mut planned = Planned::new(plan(input, &profile)?, &profile, options, cx)?;
        if typed.reads {
            planned.classified = planned.classified.declared_a_read();
        }
        guarded(planned, cx).await
    });
    // A name lookup that hangs would hold up a runtime that is dropped.
    runtime.shutdown_background();
    result
}

/// Shows a planned call, or makes it when its guard lets it pass.
async fn guarded(planned: Planned<'_>, cx: &Context) -> Result<Exit> {
    let Planned {
        request,
        profile,
        options,
        classified,
        ..
    } = &planned;
    let confirmed = options.safety.confirm.as_deref();
    let decision = confirm::decide(classified, profile, confirmed, cx);
    if options.safety.curl {
        return print(&preview::curl(
            request,
            profile,
            &options.request,
            &options.connection,
        )?);
    }
    if options.safety.dry_run {
        return print(&preview::dry_run(request, classified, profile, &decision));
    }
    confirm::pass(
        decision,
        request,
        &below(request, profile),
        classified,
        profile,
    )?;
    make(planned, cx).await
}

/// Starts the tenant inside the program when the profile is `demo`.
pub(crate) async fn demo_tenant(profile: Option<&str>) -> Result<Option<Tenant>> {
    if profile != Some(file::DEMO) {
        return Ok(None);
    }
    Tenant::start(crate::demo::Options::default())
        .await
        .map(Some)
}

/// Returns the profile that a call goes to.
///
/// # Errors
/// Fails when it is unclear which one is meant.
pub(crate) fn choose_profile(
    choice: &Choice<'_>,
    tenant: Option<&Tenant>,
    cx: &Context,
) -> Result<Profile> {
    match tenant {
        // A look opens no socket, so there is no tenant and no port yet.
        None if choice.profile == Some(file::DEMO) => {
            resolve::demo("http://127.0.0.1", "", choice, &cx.env)
        }
        Some(tenant) => resolve::demo(&tenant.base_url(), tenant.token(), choice, &cx.env),
        None => resolve::resolve(choice, &cx.env),
    }
}

/// Returns what the options say about the profile.
pub(crate) fn choice(options: &ProfileOptions) -> Choice<'_> {
    Choice {
        profile: options.profile.as_deref(),
        endpoint: options.endpoint.as_deref(),
        project: options.project.as_deref(),
        token_file: options.token_file.as_deref(),
        config: options.config.as_deref(),
    }
}

/// A call that has been decided in every point but the token's value.
struct Planned<'a> {
    request: Request,
    profile: &'a Profile,
    options: &'a CallOptions,
    connection: Connection,
    limits: TimeLimits,
    max_size: Option<u64>,
    /// What the call may do, and which endpoint it is.
    classified: Classified,
}

impl<'a> Planned<'a> {
    fn new(
        request: Request,
        profile: &'a Profile,
        options: &'a CallOptions,
        cx: &Context,
    ) -> Result<Self> {
        let connection = connection::decide(&options.connection, profile, &request.url, &cx.env)?;
        let limits = connection::limits(&options.connection)?;
        let max_size = options
            .output
            .max_size
            .as_deref()
            .map(|size| units::size("--max-size", &size.to_string_lossy()))
            .transpose()?;
        let classified = classified(&request, profile);
        Ok(Planned {
            request,
            profile,
            options,
            connection,
            limits,
            max_size,
            classified,
        })
    }
}

/// Returns path and query below the endpoint.
fn below(request: &Request, profile: &Profile) -> String {
    let url = Redactor::default().url(&request.url);
    url.strip_prefix(profile.base.value.as_str())
        .map(str::to_owned)
        .unwrap_or(url)
}

fn classified(request: &Request, profile: &Profile) -> Classified {
    let path = request.url.as_str();
    let path = path
        .strip_prefix(profile.base.value.as_str())
        .unwrap_or(path);
    let headers = request
        .headers
        .iter()
        .map(|header| (header.name.as_str(), header.value.as_str()));
    classify(request.method.as_str(), path, headers)
}

/// Sends a planned call and passes its answer on.
async fn make(planned: Planned<'_>, cx: &Context) -> Result<Exit> {
    let Planned {
        request,
        profile,
        options,
        connection,
        limits,
        max_size,
        classified,
    } = planned;
    let mut token =
        token::obtain(profile, &options.connection, limits, Freshness::Kept, cx).await?;
    let mut redactor = Redactor::default();
    redactor.learn(&token.secret);
    let credential = Credential::for_call(&request.url, profile, &token, &request.typed)?;
    let client = Client::build(&request.url, &connection)?;
    if connection.tls.insecure {
        cx.warn("-k: the server's certificate is not checked in this call");
    }
    let output = &options.output;
    if output.verbose {
        cx.notes(&verbose::request(&request, &redactor));
    }
    let other_than_json = classified
        .endpoint
        .is_some_and(|endpoint| endpoint.answer == Answers::Other);
    let shown = Shown::of(&request, profile, &connection, &redactor, &classified);
    let source = token.source.clone();
    let about = shown.about(profile, &source, &redactor);
    let head_only = request.method == http::Method::HEAD;
    let keep_head = output.include || output.verbose || output.dump_header.is_some() || head_only;
    let again = request.try_clone();
    let mut exchange = exchange::send(&client, request, Some(&credential), limits, keep_head)
        .await
        .map_err(|failure| explain::transport(&failure, &about))?;
    if exchange.head.status == 401
        && token::is_renewable(profile)
        && let Some(again) = again.as_ref().and_then(Request::try_clone)
    {
        token = token::obtain(profile, &options.connection, limits, Freshness::New, cx).await?;
        let credential = Credential::for_call(&again.url, profile, &token, &again.typed)?;
        exchange = exchange::send(&client, again, Some(&credential), limits, keep_head)
            .await
            .map_err(|failure| explain::transport(&failure, &about))?;
        redactor.learn(&token.secret);
    }
    let mut hops = Hops::new(&options.connection, &profile.base.value);
    while let Some(next) = hops.next(&exchange.head, again.as_ref())? {
        let credential = Credential::for_call(&next.url, profile, &token, &next.typed)?;
        let about = shown.about(profile, &source, &redactor);
        cx.notes(&[format!(
            "note: redirected to {}",
            sanitise(&redactor.url(&next.url))
        )]);
        exchange = exchange::send(&client, next, Some(&credential), limits, keep_head)
            .await
            .map_err(|failure| explain::transport(&failure, &about))?;
    }
    let about = shown.about(profile, &source, &redactor);
    let secret = token.secret;
    Answer {
        exchange,
        about: &about,
        profile,
        output,
        max_size,
        head_only,
        other_than_json,
        secret,
    }
    .pass_on(cx)
    .await
}

/// What messages say of a request, which is gone once it is sent.
struct Shown {
    method: String,
    path: String,
    host: String,
    proxy: Option<String>,
    reads: bool,
    permissions: &'static [&'static str],
}

impl Shown {
    fn of(
        request: &Request,
        profile: &Profile,
        connection: &Connection,
        redactor: &Redactor,
        classified: &Classified,
    ) -> Self {
        let url = redactor.url(&request.url);
        let base = profile.base.value.url().as_str().trim_end_matches('/');
        let path = url
            .strip_prefix(base)
            .map_or_else(|| url.clone(), str::to_owned);
        let host = request.url.host_str().unwrap_or_default();
        let port = request.url.port_or_known_default().unwrap_or_default();
        Shown {
            method: request.method.to_string(),
            path: if path.is_empty() {
                "/".to_owned()
            } else {
                path
            },
            host: format!("{host}:{port}"),
            proxy: connection.proxy.as_ref().map(exchange::proxy::Proxy::shown),
            reads: classified.class == Class::Read,
            permissions: classified
                .endpoint
                .map(|endpoint| endpoint.permissions)
                .unwrap_or_default(),
        }
    }

    fn about<'a>(
        &'a self,
        profile: &'a Profile,
        token_source: &'a str,
        redactor: &'a Redactor,
    ) -> About<'a> {
        About {
            method: &self.method,
            path: &self.path,
            host: &self.host,
            profile: &profile.name,
            token_source: Some(token_source),
            permissions: self.permissions,
            reads: self.reads,
            proxy: self.proxy.as_deref(),
            redactor,
        }
    }
}
