//! `rein [METHOD] TARGET [ITEM]...`: one call from words to exit code.

use std::ffi::OsStr;

use crate::cli::Parsed;
use crate::cli::options::{self, CallOptions, ProfileOptions};
use crate::cli::units;
use crate::commands::Context;
use crate::commands::answer::Answer;
use crate::commands::token::{self, Freshness};
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
        let tenant = demo_tenant(&options.profile).await?;
        let profile = choose_profile(&options.profile, tenant.as_ref(), cx)?;
        let input = input::gather(
            &options.request,
            options::data_in_order(&parsed.matches),
            options::form_in_order(&parsed.matches),
            words.items,
            options.profile.token_file.as_deref() == Some(OsStr::new("-")),
        )?;
        let request = plan::raw(&words, &options.request, input, &profile)?;
        make(Planned::new(request, &profile, options, cx)?, cx).await
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
        Ok(Planned {
            request,
            profile,
            options,
            connection,
            limits,
            max_size,
        })
    }
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
    let shown = Shown::of(&request, profile, &connection, &redactor);
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
}

impl Shown {
    fn of(
        request: &Request,
        profile: &Profile,
        connection: &Connection,
        redactor: &Redactor,
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
            reads: matches!(request.method, http::Method::GET | http::Method::HEAD),
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
            permissions: &[],
            reads: self.reads,
            proxy: self.proxy.as_deref(),
            redactor,
        }
    }
}
