//! `rein [METHOD] TARGET [ITEM]...`: one call from words to exit code.

use std::ffi::OsStr;

use crate::catalogue::{Answer as Answers, Class, Classified, classify};
use crate::cli::Parsed;
use crate::cli::options::{self, CallOptions, ProfileOptions};
use crate::cli::units;
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
use crate::input;
use crate::output::terminal::sanitise;
use crate::output::verbose;
use crate::plan::preview;
use crate::plan::redirect::Hops;
use crate::plan::{self, connection, words};
use crate::profile::Profile;
use crate::profile::resolve::{self, Choice};
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
    let runtime = cx.runtime()?;
    let result = runtime.block_on(async {
        let options = &call.options;
        let sends = !options.safety.dry_run && !options.safety.curl;
        let tenant = if sends {
            demo_tenant(&options.profile).await?
        } else {
            None
        };
        let profile = choose_profile(&options.profile, tenant.as_ref(), cx)?;
        let input = input::gather(
            &options.request,
            options::data_in_order(&parsed.matches),
            options::form_in_order(&parsed.matches),
            words.items,
            options.profile.token_file.as_deref() == Some(OsStr::new("-")),
        )?;
        let request = plan::raw(&words, &options.request, input, &profile)?;
        let planned = Planned::new(request, &profile, options, cx)?;
        let confirmed = options.safety.confirm.as_deref();
        let decision = confirm::decide(&planned.classified, &profile, confirmed, cx);
        if options.safety.curl {
            return print(&preview::curl(
                &planned.request,
                &profile,
                &options.request,
                &options.connection,
            )?);
        }
        if options.safety.dry_run {
            return print(&preview::dry_run(
                &planned.request,
                &planned.classified,
                &profile,
                &decision,
            ));
        }
        let path = below(&planned.request, &profile);
        confirm::pass(
            decision,
            &planned.request,
            &path,
            &planned.classified,
            &profile,
        )?;
        make(planned, cx).await
    });
    // A name lookup that hangs would hold up a runtime that is dropped.
    runtime.shutdown_background();
    result
}

/// Starts the tenant inside the program when the profile is `demo`.
async fn demo_tenant(options: &ProfileOptions) -> Result<Option<Tenant>> {
    if options.profile.as_deref() != Some("demo") {
        return Ok(None);
    }
    Tenant::start(crate::demo::Options::default())
        .await
        .map(Some)
}

fn choose_profile(
    options: &ProfileOptions,
    tenant: Option<&Tenant>,
    cx: &Context,
) -> Result<Profile> {
    match tenant {
        // A look opens no socket, so there is no tenant and no port yet.
        None if options.profile.as_deref() == Some("demo") => {
            resolve::demo("http://127.0.0.1", "", &choice(options), &cx.env)
        }
        Some(tenant) => resolve::demo(
            &tenant.base_url(),
            tenant.token(),
            &choice(options),
            &cx.env,
        ),
        None => resolve::resolve(&choice(options), &cx.env),
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
