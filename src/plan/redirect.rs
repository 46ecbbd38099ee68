//! `-L`: which redirects are followed. Reads only, and only to where the token may go.

use http::Method;
use url::Url;

use crate::catalogue::Class;
use crate::cli::options::ConnectionOptions;
use crate::error::{Failure, Result};
use crate::exchange::Head;
use crate::exit::Exit;
use crate::plan::ownership::{Profiles, Sent, judge};
use crate::profile::Profile;
use crate::request::location::{Location, Oddity};
use crate::request::{Body, Request};
use crate::text::terminal::sanitise;

/// curl's own limit.
const MAX_HOPS: u32 = 50;

/// Which redirects are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RedirectPolicy {
    /// None: a redirect is reported.
    Report,
    /// Those of a read, inside the endpoint, up to this many.
    Follow(u32),
}

impl RedirectPolicy {
    /// Decides from the options of a call.
    pub(crate) fn decide(options: &ConnectionOptions) -> Self {
        match options.location {
            true => RedirectPolicy::Follow(options.max_redirs.unwrap_or(MAX_HOPS)),
            false => RedirectPolicy::Report,
        }
    }
}

/// The redirects of one call.
#[derive(Debug)]
pub(crate) struct Hops<'a> {
    policy: RedirectPolicy,
    profile: &'a Profile,
    at: Option<Url>,
}

impl<'a> Hops<'a> {
    /// Begins a call of this class: only a read is followed.
    pub(crate) fn new(policy: RedirectPolicy, class: Class, profile: &'a Profile) -> Self {
        Hops {
            policy: match class {
                Class::Read => policy,
                _ => RedirectPolicy::Report,
            },
            profile,
            at: None,
        }
    }

    /// Returns the request that follows a redirect, or `None` when the response is to be reported:
    /// it is not a redirect, leads to where the token must not go, or the call is more than a read.
    ///
    /// # Errors
    /// Fails (exit 47) when there have been too many, and when the request would be more than a
    /// read where the redirect leads.
    pub(crate) fn next(
        &mut self,
        head: &Head,
        request: Option<&Request>,
    ) -> Result<Option<Request>> {
        let RedirectPolicy::Follow(left) = self.policy else {
            return Ok(None);
        };
        let Some(request) = request.filter(|_| (300..400).contains(&head.status)) else {
            return Ok(None);
        };
        let from = self.at.as_ref().unwrap_or(&request.url);
        let location = head.location();
        let Some(url) = location.and_then(|to| destination(from, &to, self.profile)) else {
            return Ok(None);
        };
        let Some(left) = left.checked_sub(1) else {
            return Err(Failure::new(Exit::TooManyRedirects, "too many redirects")
                .hint("raise the limit with --max-redirs"));
        };
        self.policy = RedirectPolicy::Follow(left);
        self.at = Some(url.clone());
        let next = request
            .try_clone()
            .map(|request| turn(request, head.status, url));
        if let Some(next) = &next {
            refuse_more_than_a_read(next, self.profile)?;
        }
        Ok(next)
    }
}

/// Makes a request what the redirect asks for: 301, 302 and 303 make a GET of it, the others repeat
/// it (RFC 9110, 15.4).
fn turn(request: Request, status: u16, url: Url) -> Request {
    let keeps = matches!(status, 307 | 308) || request.method == Method::HEAD;
    if keeps || request.method == Method::GET {
        return Request { url, ..request };
    }
    let describes_the_body = |name: &str| name.to_ascii_lowercase().starts_with("content-");
    let headers = request.headers.into_iter();
    Request {
        method: Method::GET,
        url,
        headers: headers
            .filter(|header| !describes_the_body(&header.name))
            .collect(),
        body: Body::Empty,
        ..request
    }
}

fn refuse_more_than_a_read(request: &Request, profile: &Profile) -> Result<()> {
    let judgement = judge(&Sent::of(request, Vec::new()), Profiles::with(profile));
    let class = judgement.classified.class;
    if class == Class::Read {
        return Ok(());
    }
    Err(Failure::new(
        Exit::TooManyRedirects,
        format!(
            "redirect not followed: the request would be {}",
            class.description()
        ),
    )
    .fact(format!(
        "{} {}",
        request.method,
        sanitise(request.url.path())
    ))
    .fact("-L follows reads only")
    .hint("to go there, call the new URL itself"))
}

/// Returns where a `Location` leads, when the profile's token may go there.
fn destination(from: &Url, location: &str, profile: &Profile) -> Option<Url> {
    if location.contains('\\')
        || location
            .chars()
            .any(|c| c.is_control() || c.is_whitespace())
    {
        return None;
    }
    // The parser resolves dot segments that another client would send.
    let path = location.split(['?', '#']).next().unwrap_or_default();
    let typed = Location::with_path(from, path);
    let leaves = typed.oddities().iter().any(|oddity| {
        oddity.may_leave() && (*oddity != Oddity::DotSegment || path.contains(['%', ';']))
    });
    if leaves {
        return None;
    }
    let mut url = from.join(location).ok()?;
    url.set_fragment(None);
    let place = Location::of(&url);
    profile.check_token_home(&url, &place).ok()?;
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_under_the_endpoint_are_destinations() {
        let profile = crate::plan::guard::tests::profile_at("https://h.example/a/reinfer_");
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
            let found = destination(&from, location, &profile).map(|url| url.path().to_owned());
            assert_eq!(found.as_deref(), leads, "{location}");
        }
    }
}
