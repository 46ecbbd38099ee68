//! How the connection will be made, from options, profile and environment.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::cli::options::ConnectionOptions;
use crate::cli::units;
use crate::env::Env;
use crate::error::{Failure, Result};
use crate::exchange::TimeLimits;
use crate::exchange::client::{Connection, HttpVersion};
use crate::exchange::lookup::{Family, Override};
use crate::exchange::proxy;
use crate::exchange::retry::Policy;
use crate::exchange::tls::{Identity, SystemRoots, TlsSettings};
use crate::plan::{ownership, text};
use crate::profile::Profile;
use crate::profile::endpoint::is_this_machine;
use crate::text::terminal::sanitise;

/// Until a connection is made, unless `--connect-timeout` says otherwise.
const CONNECT: Duration = Duration::from_secs(10);

/// Without movement, unless `--speed-time` says otherwise: the vendor's own client waits as long,
/// because large uploads are answered slowly.
const STALL: Duration = Duration::from_secs(240);

/// Below a speed limit, unless `--speed-time` says otherwise; curl's own.
const SLOW: Duration = Duration::from_secs(30);

/// Decides on the time limits of a call.
///
/// # Errors
/// Fails (exit 2) on what is not a duration.
pub(crate) fn limits(options: &ConnectionOptions) -> Result<TimeLimits> {
    let speed = options.speed_limit.filter(|speed| *speed > 0);
    let stall = match duration("-y", &options.speed_time)? {
        Some(Duration::ZERO) => Duration::MAX,
        Some(time) => time,
        None if speed.is_some() => SLOW,
        None => STALL,
    };
    Ok(TimeLimits {
        total: duration("-m", &options.max_time)?.filter(|total| !total.is_zero()),
        deadline: None,
        connect: duration("--connect-timeout", &options.connect_timeout)?.unwrap_or(CONNECT),
        stall,
        speed,
    })
}

/// Decides on how often a call is tried.
///
/// # Errors
/// Fails (exit 2) on what is not a duration.
pub(crate) fn retries(options: &ConnectionOptions) -> Result<Policy> {
    let mut policy = Policy {
        retries: options.retry,
        ..Policy::default()
    };
    policy.delay = duration("--retry-delay", &options.retry_delay)?;
    if let Some(time) = duration("--retry-max-time", &options.retry_max_time)? {
        policy.max_time = time;
    }
    Ok(policy)
}

fn duration(option: &str, value: &Option<OsString>) -> Result<Option<Duration>> {
    let value = value.as_deref();
    value
        .map(|value| units::duration(option, text(value, option)?))
        .transpose()
}

/// Decides on how to connect to a URL's host with a profile's token.
///
/// # Errors
/// Fails (exit 2) on a malformed proxy or `--resolve`, on `-k` for a guarded profile, and on a
/// proxy that would see the token.
pub(crate) fn decide(
    options: &ConnectionOptions,
    profile: &Profile,
    url: &Url,
    env: &Env,
) -> Result<Connection> {
    let mut connection = decide_for(options, Some(profile), url, env)?;
    keep_at_home(&mut connection, url)?;
    Ok(connection)
}

/// Keeps what goes over plain http on this machine: it is only for a server that is here, and a
/// proxy elsewhere would be shown the token. One that the environment names for every program is
/// left out; one that was named on purpose is a contradiction.
///
/// # Errors
/// Fails (exit 2) when `-x` or the profile names a proxy on another machine.
pub(crate) fn keep_at_home(connection: &mut Connection, url: &Url) -> Result<()> {
    let Some(proxy) = connection.proxy.as_ref().filter(|_| url.scheme() == "http") else {
        return Ok(());
    };
    if !proxy.is_given {
        connection.proxy = None;
    } else if !is_this_machine(&proxy.url) {
        return Err(Failure::usage(format!(
            "the proxy that {} names would take the token off this machine over plain http",
            proxy.origin
        ))
        .fact(format!(
            "the proxy is {}, the server is on this machine",
            sanitise(&proxy.shown())
        ))
        .fact("nothing was sent")
        .hint("leave the proxy out, for this call with -x ''"));
    }
    Ok(())
}

/// Decides on how to connect to a host that need not be a profile's, with no token of one.
///
/// # Errors
/// Fails (exit 2) on a malformed proxy or `--resolve`, and on `-k` for a guarded profile.
pub(crate) fn decide_for(
    options: &ConnectionOptions,
    profile: Option<&Profile>,
    url: &Url,
    env: &Env,
) -> Result<Connection> {
    let mut overrides = Vec::new();
    for word in &options.resolve {
        overrides.push(resolve_override(text(word, "--resolve")?)?);
    }
    let tls = tls(options, profile, env)?;
    let connection = Connection {
        connect_timeout: limits(options)?.connect,
        proxy: decide_proxy(options, profile, url, env)?,
        overrides,
        family: match (options.ipv4, options.ipv6) {
            (true, _) => Family::V4,
            (_, true) => Family::V6,
            _ => Family::Any,
        },
        version: if options.http1_1 {
            HttpVersion::Http1
        } else {
            HttpVersion::Negotiated
        },
        tls,
        certificate_log: None,
        is_timed: true,
    };
    let guarded = profile
        .filter(|_| options.insecure)
        .and_then(|profile| ownership::guards_any(profile, url, &led_to(url, &connection)));
    match guarded {
        Some(name) => Err(ownership::insecure(&name)),
        None => Ok(connection),
    }
}

/// Returns the hosts and ports that a connection is led to instead of the URL's, as far as that is
/// known before it is made.
pub(crate) fn led_to(url: &Url, connection: &Connection) -> Vec<(String, u16)> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or_default();
    let is_of_the_url =
        |entry: &&Override| entry.port == port && (entry.host == host || entry.host == "*");
    let addresses = connection.overrides.iter().filter(is_of_the_url);
    let resolved = addresses.flat_map(|entry| &entry.addresses);
    let resolved = resolved.map(|address| (address.to_string(), port));
    let proxy = connection.proxy.iter().filter_map(|proxy| {
        let port = proxy.url.port_or_known_default()?;
        Some((proxy.url.host_str()?.to_owned(), port))
    });
    resolved.chain(proxy).collect()
}

fn decide_proxy(
    options: &ConnectionOptions,
    profile: Option<&Profile>,
    url: &Url,
    env: &Env,
) -> Result<Option<proxy::Proxy>> {
    if profile.is_some_and(Profile::is_demo) {
        return Ok(None);
    }
    let option = options
        .proxy
        .as_deref()
        .map(|value| text(value, "-x"))
        .transpose()?;
    let of_profile = profile.and_then(|profile| profile.proxy.as_ref());
    let given = match (option, of_profile) {
        (Some(value), _) => Some((value, "-x".to_owned())),
        (None, Some(setting)) => Some((
            setting.value.expose(),
            format!("the profile ({})", setting.origin),
        )),
        (None, None) => None,
    };
    let no_proxy = options
        .noproxy
        .as_deref()
        .map(|value| text(value, "--noproxy"))
        .transpose()?;
    proxy::decide(url, given, no_proxy, env)
}

fn tls(options: &ConnectionOptions, profile: Option<&Profile>, env: &Env) -> Result<TlsSettings> {
    let path = |value: &Option<std::ffi::OsString>| value.as_ref().map(PathBuf::from);
    let extra_roots = path(&options.cacert)
        .into_iter()
        .chain(
            profile
                .and_then(|profile| profile.ca_file.as_ref())
                .map(|setting| setting.value.clone()),
        )
        .collect();
    let identity = match &options.cert {
        None => None,
        Some(certificate) => Some(Identity {
            certificate: certificate_file(certificate)?,
            key: path(&options.key),
        }),
    };
    Ok(TlsSettings {
        extra_roots,
        identity,
        insecure: options.insecure,
        system: SystemRoots {
            file: env.path("SSL_CERT_FILE").map(Path::to_owned),
            directory: env.path("SSL_CERT_DIR").map(Path::to_owned),
        },
    })
}

/// Returns the file of `--cert`, which is curl's `FILE[:PASSWORD]`.
fn certificate_file(word: &OsStr) -> Result<PathBuf> {
    let path = Path::new(word);
    let text = word.to_string_lossy();
    // A colon behind a single letter is that of a drive.
    let colon = text
        .char_indices()
        .find(|(at, c)| *c == ':' && !(cfg!(windows) && *at == 1));
    match colon {
        Some((at, _)) if !path.exists() => Err(Failure::usage(format!(
            "--cert {}: a password is not supported",
            sanitise(&text[..at])
        ))
        .fact("what is behind the colon is taken for one, and is not shown")
        .fact("nothing was sent")
        .hint("write the key without its password: openssl pkey -in KEY -out PLAIN-KEY")),
        _ => Ok(path.to_owned()),
    }
}

/// Reads curl's `HOST:PORT:ADDRESS[,ADDRESS]`.
fn resolve_override(text: &str) -> Result<Override> {
    let wrong = || {
        Failure::usage("--resolve needs HOST:PORT:ADDRESS")
            .hint("--resolve api.example.com:443:127.0.0.1")
    };
    let mut parts = text.splitn(3, ':');
    let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(wrong());
    };
    let addresses: Option<Vec<IpAddr>> = addresses
        .split(',')
        .map(|address| address.trim_matches(['[', ']']).parse().ok())
        .collect();
    match (host, port.parse(), addresses) {
        ("", _, _) => Err(wrong()),
        (host, Ok(port), Some(addresses)) => Ok(Override {
            host: host.trim_start_matches('+').to_ascii_lowercase(),
            port,
            addresses,
        }),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overrides_are_read_as_curl_reads_them() {
        let entry = resolve_override("API.example:443:127.0.0.1,[::1]").expect("an override");
        assert_eq!(
            (entry.host.as_str(), entry.port, entry.addresses.len()),
            ("api.example", 443, 2)
        );
        for text in [
            "",
            "h",
            "h:1",
            "h:x:127.0.0.1",
            "h:1:nowhere",
            ":1:127.0.0.1",
        ] {
            assert!(resolve_override(text).is_err(), "{text}");
        }
    }

    #[test]
    fn limits_have_their_defaults() {
        let limits = limits(&ConnectionOptions::default()).expect("limits");
        assert_eq!(
            (limits.total, limits.connect, limits.stall),
            (None, CONNECT, STALL)
        );
        let negative = ConnectionOptions {
            max_time: Some("-1".into()),
            ..ConnectionOptions::default()
        };
        assert!(super::limits(&negative).is_err());
    }
}
