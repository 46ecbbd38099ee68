//! Numbers and lists of a line of curl's, made into limits and connections.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use super::retry::Retries;
use crate::cli::curl::CurlArgs;
use crate::cli::units;
use crate::error::{Failure, Result};
use crate::exchange::TimeLimits;
use crate::exchange::client::{ConnectTo, Connection};
use crate::exchange::tls::TlsVersions;
use crate::exit::Exit;

/// curl's own limits: a connection within five minutes, and then as long as it takes.
const CONNECT: Duration = Duration::from_secs(300);
const NO_LIMIT: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Returns the time limits of each try.
///
/// # Errors
/// Fails (exit 2) on what is not a duration.
pub(crate) fn limits(args: &CurlArgs) -> Result<TimeLimits> {
    let options = &args.connection;
    let duration = |option: &str, value: &Option<std::ffi::OsString>| {
        let value = value.as_deref().map(|value| text(value, option));
        let value = value.transpose()?;
        let read = value.map(|value| units::duration(option, value));
        Ok::<_, Failure>(read.transpose()?.filter(|time| !time.is_zero()))
    };
    Ok(TimeLimits {
        total: duration("-m", &options.max_time)?,
        connect: duration("--connect-timeout", &options.connect_timeout)?.unwrap_or(CONNECT),
        stall: duration("-y", &options.speed_time)?.unwrap_or(NO_LIMIT),
    })
}

/// Returns how often and how long a call is tried.
///
/// # Errors
/// Fails (exit 2) on what is not a number or duration.
pub(crate) fn retries(args: &CurlArgs) -> Result<Retries> {
    let duration = |option: &str, value: &Option<std::ffi::OsString>| {
        let value = value.as_deref().map(|value| text(value, option));
        let value = value.transpose()?;
        value
            .map(|value| units::duration(option, value))
            .transpose()
    };
    Ok(Retries {
        most: number(args.retry.as_deref(), "--retry")?.unwrap_or(0),
        delay: duration("--retry-delay", &args.retry_delay)?,
        max_time: duration("--retry-max-time", &args.retry_max_time)?,
        all_errors: args.retry_all_errors,
        connrefused: args.retry_connrefused,
    })
}

/// Returns how many redirects are followed; `None` is no limit.
///
/// # Errors
/// Fails (exit 2) on what is not a number.
pub(crate) fn max_redirs(args: &CurlArgs) -> Result<Option<u32>> {
    const USUAL: u32 = 50;
    match args.max_redirs.as_deref() {
        None => Ok(Some(USUAL)),
        Some(value) if value == "-1" => Ok(None),
        Some(value) => number(Some(value), "--max-redirs"),
    }
}

/// Returns the largest body.
///
/// # Errors
/// Fails (exit 2) on what is not a size.
pub(crate) fn max_size(args: &CurlArgs) -> Result<Option<u64>> {
    let size = args
        .max_filesize
        .as_deref()
        .map(|size| units::size("--max-filesize", text(size, "--max-filesize")?))
        .transpose()?;
    Ok(size.filter(|size| *size > 0))
}

fn number(value: Option<&OsStr>, option: &str) -> Result<Option<u32>> {
    value
        .map(|value| {
            text(value, option)?
                .parse()
                .map_err(|_| Failure::usage(format!("{option} needs a number")))
        })
        .transpose()
}

/// Changes a connection by what curl alone can say about one.
///
/// # Errors
/// Fails (exit 2) on what cannot be read.
pub(crate) fn connection(mut connection: Connection, args: &CurlArgs) -> Result<Connection> {
    connection.connect_timeout = limits(args)?.connect;
    connection.tunnel = args.proxytunnel;
    connection.tls.versions = tls_versions(args)?;
    if let Some(directory) = &args.capath {
        connection.tls.system.directory = Some(Path::new(directory).to_owned());
        connection.tls.system.file = None;
    }
    for word in &args.connect_to {
        connection
            .connect_to
            .push(connect_to(text(word, "--connect-to")?)?);
    }
    if let (Some(user), Some(proxy)) = (&args.proxy_user, &mut connection.proxy) {
        let user = text(user, "-U")?;
        let (name, password) = user
            .split_once(':')
            .ok_or_else(|| Failure::usage("-U needs user:password"))?;
        // Only an address without a host refuses these, and a proxy's has one.
        let _no_host = proxy.url.set_username(name);
        let _no_host = proxy.url.set_password(Some(password));
    }
    Ok(connection)
}

fn tls_versions(args: &CurlArgs) -> Result<TlsVersions> {
    let most = args
        .tls_max
        .as_deref()
        .map(|version| text(version, "--tls-max"))
        .transpose()?;
    match (most, args.tls13) {
        (Some("1.2"), true) => Err(Failure::usage(
            "--tls-max 1.2 and --tlsv1.3 leave no version",
        )),
        (Some("1.2"), false) => Ok(TlsVersions::Only12),
        (None | Some("1.3" | "default"), true) => Ok(TlsVersions::Only13),
        (None | Some("1.3" | "default"), false) => Ok(TlsVersions::Any),
        (Some(_), _) => Err(Failure::usage("--tls-max can be 1.2 or 1.3")
            .fact("older versions of TLS are not spoken")),
    }
}

/// Reads curl's `HOST1:PORT1:HOST2:PORT2`, each of which may be left out.
fn connect_to(text: &str) -> Result<ConnectTo> {
    let wrong = || {
        Failure::usage("--connect-to needs HOST1:PORT1:HOST2:PORT2")
            .hint("--connect-to ::127.0.0.1:8443")
    };
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let end = match rest.strip_prefix('[') {
            Some(inner) => inner.find(']').map(|end| end + 2).ok_or_else(wrong)?,
            None => rest.find(':').unwrap_or(rest.len()),
        };
        let part = rest.get(..end).ok_or_else(wrong)?;
        parts.push((!part.is_empty()).then_some(part));
        match rest[end..].strip_prefix(':') {
            Some(after) => rest = after,
            None if rest.len() == end => break,
            None => return Err(wrong()),
        }
    }
    let [from_host, from_port, to_host, to_port] = parts.as_slice() else {
        return Err(wrong());
    };
    let port = |part: &Option<&str>| {
        part.map(|port| port.parse().map_err(|_| wrong()))
            .transpose()
    };
    Ok(ConnectTo {
        from_host: from_host.map(str::to_owned),
        from_port: port(from_port)?,
        to_host: to_host.map(str::to_owned),
        to_port: port(to_port)?,
    })
}

/// Checks a URL's scheme against `--proto` or `--proto-redir`.
///
/// # Errors
/// Fails with curl's code (1) when it is not allowed.
pub(crate) fn check_protocol(list: Option<&OsStr>, option: &str, scheme: &str) -> Result<()> {
    let Some(list) = list else {
        return Ok(());
    };
    let mut allowed = vec!["http", "https"];
    for entry in text(list, option)?.split(',') {
        let entry = entry.trim().to_ascii_lowercase();
        let (sign, names) = match entry.chars().next() {
            Some(sign @ ('+' | '-' | '=')) => (sign, &entry[1..]),
            _ => ('+', entry.as_str()),
        };
        let named: Vec<&'static str> = ["http", "https"]
            .into_iter()
            .filter(|known| names == "all" || names == *known)
            .collect();
        match sign {
            '=' => allowed = named,
            '-' => allowed.retain(|known| !named.contains(known)),
            _ => allowed.extend(named),
        }
    }
    if allowed.contains(&scheme) {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Local,
        format!("{option} does not allow {scheme}"),
    ))
}

fn text<'a>(word: &'a OsStr, option: &str) -> Result<&'a str> {
    word.to_str()
        .ok_or_else(|| Failure::usage(format!("the value of {option} is not valid UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_allowed_as_in_curl() {
        for (list, http, https) in [
            ("=https", false, true),
            ("-all,https", false, true),
            ("-http", false, true),
            ("=http,https", true, true),
            ("=ftp", false, false),
            ("+http", true, true),
        ] {
            let allows = |scheme| check_protocol(Some(OsStr::new(list)), "--proto", scheme).is_ok();
            assert_eq!((allows("http"), allows("https")), (http, https), "{list}");
        }
    }

    #[test]
    fn other_places_to_connect_to_are_read() {
        let entry = connect_to("h:80:[::1]:81").expect("an entry");
        assert_eq!(entry.to_host.as_deref(), Some("[::1]"));
        assert_eq!((entry.from_port, entry.to_port), (Some(80), Some(81)));
        let entry = connect_to("::h:").expect("an entry");
        assert_eq!((entry.from_host, entry.to_port), (None, None));
        for text in ["", "h", "a:b:c:d", "a:1:c", "a:1:c:2:e", "[::1"] {
            assert!(connect_to(text).is_err(), "{text}");
        }
    }
}
