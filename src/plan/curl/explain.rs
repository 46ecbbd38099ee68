//! `rein curl --explain`: the native line for the same call.

use std::ffi::OsStr;

use http::Method;

use super::Place;
use crate::cli::curl::{CurlArgs, OnHttpError};
use crate::error::{Failure, Result};
use crate::profile::Profile;
use crate::request::{Body, Request, USER_AGENT};

/// Returns the native line, which sends the same request under the same profile.
///
/// # Errors
/// Fails (exit 2) when there is none: native calls go to the endpoint alone, with the profile's
/// token, and their bodies stand in the line or in a file.
pub(crate) fn line(
    request: &Request,
    place: &Place,
    profile: Option<&Profile>,
    args: &CurlArgs,
) -> Result<String> {
    let quote = |text: &str| shell_words::quote(text).into_owned();
    let Some(profile) = profile.filter(|_| place.is_own) else {
        return Err(Failure::usage("there is no native line for this call")
            .fact("native calls go to the profile's endpoint alone")
            .hint("keep it as it is: rein curl ..."));
    };
    let mut words = vec!["rein".to_owned()];
    if let Some(name) = &args.profile.profile {
        words.push(format!("-p {}", quote(name)));
    }
    for (option, value) in [
        ("--project", args.profile.project.as_deref().map(OsStr::new)),
        ("--confirm", args.confirm.as_deref().map(OsStr::new)),
        ("--token-file", args.profile.token_file.as_deref()),
        ("--config", args.profile.config.as_deref()),
        ("--endpoint", args.profile.endpoint.as_deref()),
    ] {
        words.extend(value.map(|value| format!("{option} {}", quote(&value.to_string_lossy()))));
    }
    words.extend(method_words(request));
    let target = &place.address.target;
    let path = target
        .strip_prefix(profile.base.value.path_prefix())
        .unwrap_or(target);
    // A brace would be taken for a placeholder's.
    let path = path.replace('{', "%7B").replace('}', "%7D");
    words.push(quote(&path));
    words.extend(header_words(request));
    words.extend(body_words(&request.body, args)?);
    words.extend(output_words(args));
    words.extend(connection_words(args));
    Ok(words.join(" ") + "\n")
}

fn method_words(request: &Request) -> Option<String> {
    let usual = match &request.body {
        Body::Empty => Method::GET,
        Body::Bytes(_) | Body::Form(_) => Method::POST,
        Body::File { .. } | Body::Stdin => Method::PUT,
    };
    match &request.method {
        method if *method == usual => None,
        method if *method == Method::HEAD => Some("-I".to_owned()),
        method => Some(format!("-X {}", method.as_str().to_ascii_uppercase())),
    }
}

fn header_words(request: &Request) -> Vec<String> {
    let quote = |text: &str| shell_words::quote(text).into_owned();
    let mut words = Vec::new();
    let is_form = matches!(request.body, Body::Form(_));
    for header in &request.headers {
        match header.name.to_ascii_lowercase().as_str() {
            "host" | "content-length" | "transfer-encoding" | "authorization"
            | "accept-encoding" => {}
            "accept" if header.value == "*/*" => {}
            "user-agent" if header.value == USER_AGENT => {}
            "content-type" if is_form || header.value == "application/json" => {}
            _ if header.value.is_empty() => {
                words.push(format!("-H {}", quote(&format!("{};", header.name))));
            }
            _ => words.push(format!(
                "-H {}",
                quote(&format!("{}: {}", header.name, header.value))
            )),
        }
    }
    // A native call adds these by itself.
    if request.header("Accept").is_none() {
        words.push("-H Accept:".to_owned());
    }
    if request.header("User-Agent").is_none() {
        words.push("-H User-Agent:".to_owned());
    }
    if !matches!(request.body, Body::Empty | Body::Form(_))
        && request.header("Content-Type").is_none()
        && matches!(request.body, Body::Bytes(_))
    {
        words.push("-H Content-Type:".to_owned());
    }
    words
}

fn body_words(body: &Body, args: &CurlArgs) -> Result<Vec<String>> {
    let quote = |text: &str| shell_words::quote(text).into_owned();
    Ok(match body {
        Body::Empty => Vec::new(),
        Body::Bytes(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => vec![format!("--data-raw {}", quote(text))],
            _ => {
                return Err(Failure::usage("the body cannot stand in a line")
                    .hint("native calls keep every byte of -d @FILE"));
            }
        },
        Body::File { path, .. } => vec![format!("-T {}", quote(&path.to_string_lossy()))],
        Body::Stdin => vec!["-T -".to_owned()],
        Body::Form(_) => args
            .form
            .iter()
            .map(|(literal, word)| {
                let option = if *literal { "--form-string" } else { "-F" };
                format!("{option} {}", quote(&word.to_string_lossy()))
            })
            .collect(),
    })
}

fn output_words(args: &CurlArgs) -> Vec<String> {
    let quote = |text: &OsStr| shell_words::quote(&text.to_string_lossy()).into_owned();
    let mut words = Vec::new();
    for (given, word) in [
        (args.include, "-i"),
        (args.silent, "-s"),
        (args.fail == OnHttpError::Fail, "-f"),
        (args.verbose, "-v"),
        (args.location, "-L"),
        (args.connection.insecure, "-k"),
        (args.connection.ipv4, "-4"),
        (args.connection.ipv6, "-6"),
        (args.connection.http1_1, "--http1.1"),
    ] {
        if given {
            words.push(word.to_owned());
        }
    }
    for (option, value) in [
        ("-o", &args.output),
        ("-D", &args.dump_header),
        ("-w", &args.write_out),
        ("--max-size", &args.max_filesize),
    ] {
        words.extend(
            value
                .as_deref()
                .map(|value| format!("{option} {}", quote(value))),
        );
    }
    words
}

fn connection_words(args: &CurlArgs) -> Vec<String> {
    let quote = |text: &OsStr| shell_words::quote(&text.to_string_lossy()).into_owned();
    let connection = &args.connection;
    let mut words = Vec::new();
    for (option, value) in [
        ("-m", &connection.max_time),
        ("--connect-timeout", &connection.connect_timeout),
        ("-y", &connection.speed_time),
        ("-x", &connection.proxy),
        ("--noproxy", &connection.noproxy),
        ("--cacert", &connection.cacert),
        ("--cert", &connection.cert),
        ("--key", &connection.key),
        ("--max-redirs", &args.max_redirs),
        ("--retry", &args.retry),
        ("--retry-delay", &args.retry_delay),
        ("--retry-max-time", &args.retry_max_time),
    ] {
        words.extend(
            value
                .as_deref()
                .map(|value| format!("{option} {}", quote(value))),
        );
    }
    words.extend(
        connection
            .resolve
            .iter()
            .map(|value| format!("--resolve {}", quote(value))),
    );
    words
}
