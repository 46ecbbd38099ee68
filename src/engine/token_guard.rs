//! Keeps known tokens out of requests to places that they are not for.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use anyhow::Context as _;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::error::{Failure, Result};
use crate::exchange::proxy::Proxy;
use crate::profile::known::{KnownTokens, not_for};
use crate::request::{Body, FormChunk, Request};
use crate::secret::search::Finder;

/// Files up to this size are looked at before anything is connected; larger ones, and what is
/// streamed, while they are sent.
const MAX_READ_AHEAD: u64 = 1024 * 1024;

/// Refuses a request that holds a token which is not for the place that the request goes to.
///
/// # Errors
/// Fails (exit 2), naming the token's source.
pub(crate) fn refuse(request: &Request, known: &KnownTokens) -> Result<()> {
    let url = &request.url;
    if let Some(for_proxy) = request.header("Proxy-Authorization")
        && let Some(source) = known.all().find(for_proxy.as_bytes())
    {
        return Err(refused(source, "a proxy"));
    }
    let foreign = known.foreign_to(url);
    if foreign.is_empty() {
        return Ok(());
    }
    let headers = request
        .headers
        .iter()
        .flat_map(|header| [&*header.name, &*header.value]);
    let found = std::iter::once(url.as_str())
        .chain(headers)
        .find_map(|text| foreign.find(text.as_bytes()));
    match found {
        Some(source) => Err(refused(source, &host_of(url))),
        None => match in_body(&request.body, &foreign)? {
            Some(source) => Err(refused(source, &host_of(url))),
            None => Ok(()),
        },
    }
}

fn host_of(url: &Url) -> String {
    match (url.host_str().unwrap_or_default(), url.port()) {
        (host, Some(port)) => format!("{host}:{port}"),
        (host, None) => host.to_owned(),
    }
}

/// Refuses user and password of a proxy that hold a known token: a proxy is nobody's endpoint.
///
/// # Errors
/// Fails (exit 2), naming the token's source.
pub(crate) fn refuse_in_proxy(proxy: Option<&Proxy>, known: &KnownTokens) -> Result<()> {
    let Some(proxy) = proxy.filter(|proxy| proxy.has_user()) else {
        return Ok(());
    };
    let user = percent_decode_str(proxy.url.username()).decode_utf8_lossy();
    let password = percent_decode_str(proxy.url.password().unwrap_or_default());
    let both = format!("{user}:{}", password.decode_utf8_lossy());
    match known.all().find(both.as_bytes()) {
        Some(source) => Err(refused(source, &format!("the proxy {}", proxy.shown()))),
        None => Ok(()),
    }
}

fn refused(source: &str, place: &str) -> Failure {
    not_for(source, place)
        .fact("nothing was sent")
        .hint("leave the token out, or call the endpoint that it is for")
}

fn in_body<'a>(body: &Body, foreign: &'a Finder) -> Result<Option<&'a str>> {
    let in_file = |file: &File, length: Option<u64>| {
        if length.is_none_or(|length| length > MAX_READ_AHEAD) {
            return Ok(None);
        }
        let content = read_ahead(file).context("the body to send cannot be read")?;
        Ok(foreign.find(&content))
    };
    match body {
        Body::Empty | Body::Stdin => Ok(None),
        Body::Bytes(bytes) => Ok(foreign.find(bytes)),
        Body::File { file, length, .. } => in_file(file, *length),
        Body::Form(form) => {
            for chunk in &form.chunks {
                let found = match chunk {
                    FormChunk::Bytes(bytes) => foreign.find(bytes),
                    FormChunk::File { file, length } => in_file(file, *length)?,
                    FormChunk::Stdin => None,
                };
                if found.is_some() {
                    return Ok(found);
                }
            }
            Ok(None)
        }
    }
}

/// Returns what follows in a file, and leaves it where it was.
fn read_ahead(mut file: &File) -> io::Result<Vec<u8>> {
    let position = file.stream_position()?;
    let mut content = Vec::new();
    file.take(MAX_READ_AHEAD).read_to_end(&mut content)?;
    file.seek(SeekFrom::Start(position))?;
    Ok(content)
}
