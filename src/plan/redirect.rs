//! `-L`: which redirects are followed. Reads only, and never out of the endpoint.

use url::Url;

use crate::cli::options::ConnectionOptions;
use crate::error::{Failure, Result};
use crate::exchange::Head;
use crate::exit::Exit;
use crate::profile::Base;
use crate::request::Request;

/// curl's own limit.
const MOST_HOPS: u32 = 50;

/// The redirects of one call.
#[derive(Debug)]
pub(crate) struct Hops<'a> {
    follow: bool,
    left: u32,
    base: &'a Base,
    at: Option<Url>,
}

impl<'a> Hops<'a> {
    /// Begins a call.
    pub(crate) fn new(options: &ConnectionOptions, base: &'a Base) -> Self {
        Hops {
            follow: options.location,
            left: options.max_redirs.unwrap_or(MOST_HOPS),
            base,
            at: None,
        }
    }

    /// Returns the request that follows a redirect, or `None` when the answer is to be reported:
    /// it is no redirect, leads out of the endpoint, or the call is more than a read.
    ///
    /// # Errors
    /// Fails (exit 47) when there have been too many.
    pub(crate) fn next(
        &mut self,
        head: &Head,
        request: Option<&Request>,
    ) -> Result<Option<Request>> {
        let Some(request) = request.filter(|_| self.follow && (300..400).contains(&head.status))
        else {
            return Ok(None);
        };
        let reads = matches!(request.method, http::Method::GET | http::Method::HEAD);
        let location = head
            .headers
            .get("location")
            .and_then(|value| value.to_str().ok());
        let (true, Some(location)) = (reads, location) else {
            return Ok(None);
        };
        let Some(url) = destination(
            self.at.as_ref().unwrap_or(&request.url),
            location,
            self.base,
        ) else {
            return Ok(None);
        };
        if self.left == 0 {
            return Err(Failure::new(Exit::TooManyRedirects, "too many redirects")
                .hint("raise the limit with --max-redirs"));
        }
        self.left -= 1;
        self.at = Some(url.clone());
        Ok(request
            .try_clone()
            .map(|request| Request { url, ..request }))
    }
}

/// Returns where a `Location` leads, when that is under the endpoint whichever way it is read.
fn destination(from: &Url, location: &str, base: &Base) -> Option<Url> {
    if location.contains('\\')
        || location
            .chars()
            .any(|c| c.is_control() || c.is_whitespace())
    {
        return None;
    }
    let mut url = from.join(location).ok()?;
    url.set_fragment(None);
    base.owns(&url).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_under_the_endpoint_are_destinations() {
        let base = Base::for_test("https://h.example/a/reinfer_");
        let from = Url::parse("https://h.example/a/reinfer_/api/v1/x").expect("a URL");
        for (location, leads) in [
            (
                "https://h.example/a/reinfer_/api/v1/y",
                Some("/a/reinfer_/api/v1/y"),
            ),
            ("/a/reinfer_/api/v1/y?b", Some("/a/reinfer_/api/v1/y")),
            ("y", Some("/a/reinfer_/api/v1/y")),
            ("../v2/y", Some("/a/reinfer_/api/v2/y")),
            ("/other", None),
            ("../../../../other", None),
            ("https://h.example/b/reinfer_/api", None),
            ("http://h.example/a/reinfer_/api", None),
            ("https://h.example:444/a/reinfer_/api", None),
            ("https://u:p@h.example/a/reinfer_/api", None),
            ("//evil.example/a/reinfer_/api", None),
            (r"\\evil.example/a/reinfer_", None),
            ("/a/reinfer_/%2e%2e/x", None),
            ("https://h.example.evil.example/a/reinfer_/", None),
        ] {
            let found = destination(&from, location, &base).map(|url| url.path().to_owned());
            assert_eq!(found.as_deref(), leads, "{location}");
        }
    }
}
