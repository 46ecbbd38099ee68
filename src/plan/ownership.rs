//! Who owns the place that a request goes to, what the request may do there, which guard it meets
//! and whether the profile's token may go along. Every kind of call asks [`judge`].

use std::rc::Rc;

use url::Url;

use crate::catalogue::{Class, Classified, classify_as, methods, names_variable};
use crate::error::{Failure, Result};
use crate::plan::guard::{self, Concerned, Decision, Needed, Refusal};
use crate::profile::{Guard, Neighbour, Profile};
use crate::request::location::{Location, Oddity, owners};
use crate::request::{Body, FormChunk, Request};
use crate::text::terminal::sanitise;

/// Headers by which some servers take another path than the request line's, spelled as variables.
const REWRITES: [&str; 4] = [
    "x_original_url",
    "x_rewrite_url",
    "x_original_uri",
    "x_rewrite_uri",
];

/// A request as it would be written on the wire.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a Url,
    /// The path as it is sent, where that differs from what the URL parser makes of it.
    pub(crate) path: &'a str,
    /// Without its question mark.
    pub(crate) query: &'a str,
    pub(crate) headers: Vec<(&'a str, &'a str)>,
    pub(crate) body: Content<'a>,
    /// Every other host and port that the connection is led to, by `--resolve`, `--connect-to` or a
    /// proxy.
    pub(crate) led_to: Vec<(String, u16)>,
    /// Whether a user's template declares that the call only reads.
    pub(crate) declared_a_read: bool,
}

/// A request body, as far as it is known before sending.
#[derive(Debug)]
pub(crate) enum Content<'a> {
    /// These bytes, as far as they are looked at.
    Known(Vec<&'a [u8]>),
    /// It is streamed. What it asks for is not known, so a POST with it does not count as a read.
    Unseen,
}

/// Which profiles there are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Profiles<'a> {
    /// The one that the call is made with, if one is.
    pub(crate) chosen: Option<&'a Profile>,
    /// Every profile of the file.
    pub(crate) all: &'a [Neighbour],
    /// Why the profiles of the file are not known, when they are not.
    pub(crate) unknown: Option<&'a str>,
}

/// What is known of a request before anything is sent.
#[derive(Debug)]
pub(crate) struct Judgement {
    /// The URL that it is sent to.
    pub(crate) location: Location,
    /// The profiles that own a place that it reaches, the most specific first.
    pub(crate) owners: Vec<Neighbour>,
    /// What it may do: the strictest reading.
    pub(crate) classified: Classified,
    /// The guard that has to be passed, if one has.
    needed: Option<Needed>,
    /// The header that names another path, under a guard.
    rewritten_by: Option<String>,
    /// Why the guards are not known, where they count.
    unknown: Option<String>,
    /// Why the token must not go there.
    token: Result<()>,
    /// The guarded profile that is concerned with the place, whatever the request does there.
    guarded: Option<String>,
}

impl<'a> Profiles<'a> {
    /// Returns the profiles of a call that is made with one.
    pub(crate) fn with(chosen: &'a Profile) -> Self {
        Profiles {
            chosen: Some(chosen),
            all: &chosen.neighbours,
            unknown: chosen.unknown_guards.as_deref(),
        }
    }

    /// Returns whether a guard could be concerned: one is set, or it is not known which are.
    pub(crate) fn could_have_guard(&self) -> bool {
        let guards = self.all.iter().map(|profile| profile.guard);
        let mut guards = guards.chain(self.chosen.map(|profile| profile.guard.value));
        self.unknown.is_some() || guards.any(|guard| guard != Guard::None)
    }

    /// Returns whether a profile's endpoint is on the same host as a place.
    pub(crate) fn has_host(&self, place: &Location) -> bool {
        let mut bases = self.all.iter().map(|profile| profile.base.location());
        bases.any(|base| place.is_same_host(base))
    }
}

impl<'a> Sent<'a> {
    /// Reads a planned request.
    pub(crate) fn of(request: &'a Request, led_to: Vec<(String, u16)>) -> Self {
        let headers = request.headers.iter();
        Sent {
            method: request.method.as_str(),
            url: &request.url,
            path: request.url.path(),
            query: request.url.query().unwrap_or_default(),
            headers: headers
                .map(|header| (&*header.name, &*header.value))
                .collect(),
            body: Content::of(&request.body),
            led_to,
            declared_a_read: false,
        }
    }
}

impl<'a> Content<'a> {
    fn of(body: &'a Body) -> Self {
        match body {
            Body::Empty => Content::Known(Vec::new()),
            Body::Bytes(bytes) => Content::Known(vec![bytes]),
            // The name of every part is in memory.
            Body::Form(form) => Content::Known(
                form.chunks
                    .iter()
                    .filter_map(|chunk| match chunk {
                        FormChunk::Bytes(bytes) => Some(&bytes[..]),
                        FormChunk::File { .. } | FormChunk::Stdin => None,
                    })
                    .collect(),
            ),
            Body::File { .. } | Body::Stdin => Content::Unseen,
        }
    }
}

impl Judgement {
    /// Decides whether the request is sent.
    pub(crate) fn decide(&self, confirm: Option<&str>, can_ask: bool) -> Decision {
        let class = self.classified.class;
        if let Some(why) = &self.unknown
            && (class != Class::Read || self.rewritten_by.is_some())
        {
            return Decision::Unknown(why.clone());
        }
        match (&self.needed, &self.rewritten_by) {
            (Some(needed), Some(_)) => Decision::Refuse(needed.clone(), Refusal::Rewritten),
            (needed, _) => guard::decide(needed.clone(), confirm, can_ask),
        }
    }

    /// Checks that the chosen profile's token may go along.
    ///
    /// # Errors
    /// Fails (exit 2), naming the owner of the place when there is one.
    pub(crate) fn check_token(&self) -> Result<()> {
        self.token.clone()
    }

    /// Checks that a certificate that nobody has verified (`-k`) is good enough for the place.
    ///
    /// # Errors
    /// Fails (exit 2) when a guarded profile owns it.
    pub(crate) fn check_insecure(&self) -> Result<()> {
        self.guarded
            .as_deref()
            .map_or(Ok(()), |name| Err(insecure(name)))
    }
}

/// Says that `-k` does not go with a guarded profile.
pub(crate) fn insecure(name: &str) -> Failure {
    Failure::usage(format!(
        "-k is refused for the guarded profile {}",
        sanitise(name)
    ))
    .fact("its token and data are not sent to a server that cannot prove its name")
    .fact("nothing was sent")
    .hint("trust the server's CA: set ca_file in the profile, or --cacert FILE")
}

/// Judges a request.
///
/// The class is the strictest over every reading: below each owner's endpoint, as written and as a
/// lenient server takes it, by every method that the request asks for. Only an endpoint below which
/// the path is the API's has a say where there is such a one. A path that can be read in two ways
/// is never a read, except for GET and HEAD.
pub(crate) fn judge(sent: &Sent<'_>, profiles: Profiles<'_>) -> Judgement {
    let location = Location::with_path(sent.url, sent.path);
    let rewritten = rewritten(sent, &location);
    let others = led_places(sent, &location);
    let rewritten_to = rewritten.iter().flat_map(|(_, place)| place);
    let places: Vec<&Location> = std::iter::once(&location)
        .chain(&others)
        .chain(rewritten_to)
        .collect();
    let owning = owning(&places, profiles.all);
    let is_below = |profile: &&Profile| {
        let base = profile.base.value.location();
        places.iter().any(|place| place.is_below(base))
    };
    let chosen = profiles.chosen.filter(is_below);

    let methods = asked_methods(sent, &location);
    let read = |base| readings(sent.path, &location, base, &methods);
    let own = chosen.map(|profile| Rc::new(read(&profile.base.value)));
    let is_own =
        |owner: &&Neighbour| chosen.is_some_and(|profile| profile.base.value == owner.base);
    let of_owners: Vec<Rc<Vec<Classified>>> = owning
        .iter()
        .map(|owner| match own.clone().filter(|_| is_own(owner)) {
            Some(own) => own,
            None => Rc::new(read(&owner.base)),
        })
        .collect();
    let classified =
        strictest(own.iter().chain(&of_owners)).unwrap_or_else(|| classify_as(&methods, sent.path));
    let classified = sterner(classified, sent, &location, &methods);

    let concerned = owning
        .iter()
        .zip(&of_owners)
        .map(|(profile, readings)| Concerned { profile, readings });
    let concerned: Vec<Concerned<'_>> = concerned.collect();
    let own = chosen.zip(own.as_deref().map(Vec::as_slice));
    let guarded = guard::strictest(own, &concerned, location.may_leave());
    let (rewritten_by, rewritten_to) = rewritten.unzip();
    let needed = match (&rewritten_by, classified.class) {
        (None, Class::Read) => None,
        (None, _) => guard::needed(own, &concerned, location.may_leave()),
        (Some(header), _) => guarded.clone().map(|needed| Needed {
            reason: format!("the header {} names another path", sanitise(header)),
            ..needed
        }),
    };
    let rewritten_to = rewritten_to.flatten();
    Judgement {
        token: check_token(sent, &location, rewritten_to.as_ref(), profiles.chosen),
        owners: owning.into_iter().cloned().collect(),
        classified,
        needed,
        rewritten_by,
        unknown: unknown(sent, profiles),
        guarded: guarded.map(|needed| needed.owner),
        location,
    }
}

/// Returns why the guards of the config file are not known, where they matter. The demo tenant is
/// started for the call: no profile of the file can own it.
fn unknown(sent: &Sent<'_>, profiles: Profiles<'_>) -> Option<String> {
    let is_the_demo = |profile: &Profile| profile.is_demo() && profile.base.value.owns(sent.url);
    let unknown = profiles.unknown?;
    (!profiles.chosen.is_some_and(is_the_demo)).then(|| unknown.to_owned())
}

/// Returns the profiles that own one of these places, each once, the most specific first.
fn owning<'p>(places: &[&Location], profiles: &'p [Neighbour]) -> Vec<&'p Neighbour> {
    let mut owning: Vec<&Neighbour> = Vec::new();
    for owner in places.iter().flat_map(|place| owners(place, profiles)) {
        if !owning.iter().any(|known| known.name == owner.name) {
            owning.push(owner);
        }
    }
    owning
}

/// Returns every method that a request asks for: its own, and those that override it.
fn asked_methods(sent: &Sent<'_>, location: &Location) -> Vec<String> {
    let body: &[&[u8]] = match &sent.body {
        Content::Known(chunks) => chunks,
        Content::Unseen => &[],
    };
    let headers = sent.headers.iter().copied();
    // An odd path can hold a `;parameter`, or a query behind an encoded question mark.
    match location.oddities() {
        [] => methods(sent.method, sent.query, headers, body),
        _ => {
            let query = format!("{}&{}", sent.path, sent.query);
            methods(sent.method, &query, headers, body)
        }
    }
}

/// Checks that the chosen profile's token may go to where the URL leads, and to where a header says
/// that it leads.
fn check_token(
    sent: &Sent<'_>,
    location: &Location,
    rewritten: Option<&Location>,
    chosen: Option<&Profile>,
) -> Result<()> {
    let Some(profile) = chosen else {
        return Ok(());
    };
    profile.check_token_home(sent.url, location)?;
    rewritten.map_or(Ok(()), |place| profile.check_token_home(sent.url, place))
}

/// Returns the other places that the connection reaches: where it is led, and the host that a
/// `Host` header names.
fn led_places(sent: &Sent<'_>, location: &Location) -> Vec<Location> {
    let led = led(&sent.led_to, location);
    let hosts = sent
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("host"));
    let named = hosts.filter_map(|(_, value)| {
        let url = Url::parse(&format!("{}://{}/", sent.url.scheme(), value.trim())).ok()?;
        Some(Location::with_path(&url, sent.path))
    });
    led.chain(named).collect()
}

/// Returns the places on the hosts and ports that a connection is led to.
fn led<'a>(
    led_to: &'a [(String, u16)],
    location: &'a Location,
) -> impl Iterator<Item = Location> + 'a {
    led_to
        .iter()
        .filter_map(|(host, port)| location.at(&bracketed(host), Some(*port)))
}

/// Returns a host as a URL has it: an IPv6 address in brackets.
pub(crate) fn bracketed(host: &str) -> String {
    match host.parse::<std::net::Ipv6Addr>() {
        Ok(address) => format!("[{address}]"),
        Err(_) => host.to_owned(),
    }
}

/// Returns the header that names another path than the request line, and the place that it means
/// where that can be read.
fn rewritten(sent: &Sent<'_>, location: &Location) -> Option<(String, Option<Location>)> {
    sent.headers.iter().find_map(|(name, value)| {
        if !names_variable(name, &REWRITES) {
            return None;
        }
        let value = value.trim();
        let place = match Url::parse(value) {
            Ok(url) => Some(Location::of(&url)),
            Err(_) => value
                .starts_with('/')
                .then(|| Location::with_path(sent.url, value)),
        };
        (place.as_ref() != Some(location)).then(|| ((*name).to_owned(), place))
    })
}

/// Reads a path below an endpoint: as written, when it is below it so, and leniently.
fn readings(
    path: &str,
    location: &Location,
    base: &crate::profile::Base,
    methods: &[String],
) -> Vec<Classified> {
    let written = path
        .strip_prefix(base.path_prefix())
        .filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let lenient = location.path_below(base.location());
    let other = (written != Some(lenient.as_str())).then_some(lenient.as_str());
    let texts = written.into_iter().chain(other);
    texts.map(|text| classify_as(methods, text)).collect()
}

/// Returns the strictest reading; the first of equally strict ones.
fn strictest<'a>(
    readings: impl Iterator<Item = &'a Rc<Vec<Classified>>> + Clone,
) -> Option<Classified> {
    let is_of_the_api = |readings: &Vec<Classified>| {
        let last = readings.last();
        let first = last.and_then(|reading| reading.segments.first());
        first.is_some_and(|first| matches!(first.as_str(), "api" | "auth"))
    };
    let is_any_of_the_api = readings.clone().any(|readings| is_of_the_api(readings));
    let mut counting = readings
        .filter(|readings| !is_any_of_the_api || is_of_the_api(readings))
        .flat_map(|readings| readings.iter());
    let first = counting.next()?;
    let strictest = counting.fold(
        first,
        |best, next| {
            if next.class > best.class { next } else { best }
        },
    );
    Some(strictest.clone())
}

/// Takes back that a call is a read where it could be read as something else.
fn sterner(
    classified: Classified,
    sent: &Sent<'_>,
    location: &Location,
    methods: &[String],
) -> Classified {
    let reads_by_method = methods
        .iter()
        .all(|method| matches!(method.as_str(), "GET" | "HEAD"));
    // The catalogue judges an encoded slash in both ways itself.
    let is_ambiguous = location
        .oddities()
        .iter()
        .any(|oddity| *oddity != Oddity::EncodedSlash);
    if sent.declared_a_read && !is_ambiguous {
        return classified.declared_a_read();
    }
    let is_unseen = matches!(sent.body, Content::Unseen);
    if classified.class == Class::Read && !reads_by_method && (is_ambiguous || is_unseen) {
        return Classified {
            class: Class::Write,
            ..classified
        };
    }
    classified
}

/// Returns whether a guard has to do with any place that a connection reaches, as far as that is
/// known without the request: for `-k`.
pub(crate) fn guards_any(profile: &Profile, url: &Url, led_to: &[(String, u16)]) -> Option<String> {
    if profile.guard.value != Guard::None {
        return Some(profile.name.clone());
    }
    let location = Location::of(url);
    std::iter::once(location.clone())
        .chain(led(led_to, &location))
        .find_map(|place| {
            let owners = owners(&place, &profile.neighbours);
            let guarded = owners.into_iter().find(|owner| owner.guard != Guard::None);
            guarded.map(|owner| owner.name.clone())
        })
}
