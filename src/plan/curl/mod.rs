//! What a line of curl's sends: curl's request, and what the profile knows filled in.

pub(crate) mod address;
pub(crate) mod draft;
pub(crate) mod explain;
pub(crate) mod policy;
pub(crate) mod redirect;
pub(crate) mod retry;

use http::Method;
use url::Url;

use self::address::Address;
use self::draft::Draft;
use crate::catalogue::{Class, Classified, classify};
use crate::cli::curl::CurlArgs;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::terminal::sanitise;
use crate::plan::guard;
use crate::plan::target::{self, Var};
use crate::profile::{Guard, Neighbour, Profile};
use crate::request::Request;
use crate::secret::Secret;

/// Which tenants are known: the one that is chosen, if one is, and every other of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tenants<'a> {
    pub(crate) chosen: Option<&'a Profile>,
    pub(crate) others: &'a [Neighbour],
}

/// A URL with everything that the profile knows filled in.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) address: Address,
    /// Whether it lies under the chosen profile's endpoint.
    pub(crate) is_own: bool,
    /// What was filled in, to be told.
    pub(crate) notes: Vec<String>,
}

/// Finds out where a URL leads.
///
/// # Errors
/// Fails (exit 2) when another profile owns it, when a placeholder has no value, and with curl's
/// codes when it is no URL.
pub(crate) fn place(
    text: &str,
    args: &CurlArgs,
    tenants: Tenants<'_>,
    vars: &[Var],
) -> Result<Place> {
    let mut notes = Vec::new();
    let text = text.trim_matches([' ', '\u{a0}', '\n', '\t', '\r']);
    let scheme = scheme(args)?;
    let mut whole = text.to_owned();
    if let Some(path) = target::documented(target::without_scheme(text)) {
        let profile = tenants.chosen.ok_or_else(|| no_profile(tenants.others))?;
        let base = profile.base.value.as_str();
        notes.push(format!(
            "the documented host is {} (profile {})",
            sanitise(base),
            sanitise(&profile.name)
        ));
        whole = format!("{base}{path}");
    }
    if let Some(profile) = tenants.chosen {
        // Brackets of placeholders are no part of an address: a stand-in takes their place.
        let probe = Address::parse(&whole.replace(['<', '>'], "x"), scheme, args.path_as_is);
        if probe.is_ok_and(|probe| probe.is_under(&profile.base.value)) {
            let filled = target::fill_angles(&whole, profile, vars)?;
            if filled != whole {
                notes.push(format!("filled in: {}", sanitise(&filled)));
            }
            whole = filled;
        }
    }
    let address = Address::parse(&whole, scheme, args.path_as_is)?;
    let is_own = tenants
        .chosen
        .is_some_and(|profile| address.is_under(&profile.base.value));
    if !is_own {
        refuse_another_profiles(&address, tenants)?;
    }
    Ok(Place {
        address,
        is_own,
        notes,
    })
}

fn scheme(args: &CurlArgs) -> Result<&str> {
    match args.proto_default.as_deref() {
        None => Ok("https"),
        Some(scheme) => scheme
            .to_str()
            .ok_or_else(|| Failure::usage("the value of --proto-default is not valid UTF-8")),
    }
}

fn no_profile(others: &[Neighbour]) -> Failure {
    let failure = Failure::usage("no profile says what the documented host stands for")
        .fact("nothing was sent")
        .hint("try it on a tenant inside the program: rein -p demo curl ...");
    if others.is_empty() {
        return failure
            .hint("or name yours: export REINFER_ENDPOINT=https://... REINFER_TOKEN=...");
    }
    let names: Vec<&str> = others.iter().map(|other| other.name.as_str()).collect();
    failure.hint(format!(
        "or choose one: rein -p NAME curl ..., of {}",
        names.join(", ")
    ))
}

fn refuse_another_profiles(address: &Address, tenants: Tenants<'_>) -> Result<()> {
    let owner = tenants
        .others
        .iter()
        .find(|other| address.is_under(&other.base) || other.base.owns(&address.url));
    let Some(owner) = owner else {
        return Ok(());
    };
    let name = sanitise(&owner.name);
    let failure = Failure::usage(format!("the URL belongs to profile {name}"));
    let failure = match tenants.chosen {
        Some(profile) => failure.fact(format!(
            "the profile of this call is {} ({})",
            sanitise(&profile.name),
            sanitise(profile.base.value.as_str())
        )),
        None => failure.fact("no profile was chosen for this call"),
    };
    Err(failure
        .fact("nothing was sent")
        .hint(format!("rein -p {name} curl ...")))
}

/// Returns what a call may do, where it goes to the profile's endpoint.
pub(crate) fn classified(request: &Request, place: &Place, profile: &Profile) -> Classified {
    let target = &place.address.target;
    let below = target
        .strip_prefix(profile.base.value.path_prefix())
        .unwrap_or(target);
    let headers = request
        .headers
        .iter()
        .map(|header| (header.name.as_str(), header.value.as_str()));
    classify(request.method.as_str(), below, headers)
}

/// Refuses a write whose URL a guarded endpoint's server could read as its own, though as typed it
/// is not, and any write while it is not known which endpoints are guarded.
///
/// # Errors
/// Fails (exit 9).
pub(crate) fn refuse_ways_round(
    address: &Address,
    method: &Method,
    tenants: Tenants<'_>,
) -> Result<()> {
    if is_read(method) {
        return Ok(());
    }
    if let Some(why) = tenants
        .chosen
        .and_then(|profile| profile.unknown_guards.as_ref())
    {
        return Err(guard::unknown(why));
    }
    let guarded = tenants
        .chosen
        .map(|profile| (&profile.name, &profile.base.value, profile.guard.value))
        .into_iter()
        .chain(
            tenants
                .others
                .iter()
                .map(|other| (&other.name, &other.base, other.guard)),
        )
        .find(|(_, base, guard)| *guard != Guard::None && address.may_be_under(base));
    match guarded {
        None => Ok(()),
        Some((name, _, guard)) => Err(Failure::new(
            Exit::Guard,
            format!(
                "refused by the guard of profile {} ({})",
                sanitise(name),
                guard.name()
            ),
        )
        .fact("the path can be read in more than one way, and one of them is this endpoint's")
        .fact("nothing was sent")
        .hint("write the path plainly: no encoded dots, no backslashes")),
    }
}

/// Returns whether a method only reads, whatever its letter case.
pub(crate) fn is_read(method: &Method) -> bool {
    ["GET", "HEAD"]
        .iter()
        .any(|read| method.as_str().eq_ignore_ascii_case(read))
}

/// Refuses to show a token that rein knows to somebody that it is not for.
///
/// # Errors
/// Fails (exit 2), naming the token's source.
pub(crate) fn refuse_known_tokens(
    request: &Request,
    address: &Address,
    known: &[(Secret, String)],
) -> Result<()> {
    /// Shorter ones are in every text by chance.
    const SHORTEST: usize = 8;
    let user = address.user.as_ref().map(|(user, password)| {
        format!(
            "{}:{}",
            String::from_utf8_lossy(user),
            String::from_utf8_lossy(password)
        )
    });
    let decoded = percent_encoding::percent_decode_str(&address.target).decode_utf8_lossy();
    let texts: Vec<&str> = request
        .headers
        .iter()
        .map(|header| header.value.as_str())
        .chain([decoded.as_ref()])
        .chain(user.as_deref())
        .collect();
    let basic = request
        .header("Authorization")
        .and_then(|value| value.strip_prefix("Basic "))
        .and_then(draft::from_base64);
    for (secret, source) in known {
        let token = secret.expose();
        let holds = |text: &str| text.contains(token);
        if token.len() >= SHORTEST
            && (texts.iter().any(|text| holds(text)) || basic.as_deref().is_some_and(holds))
        {
            return Err(Failure::usage(format!(
                "the token of {source} is not for {}",
                sanitise(&address.host)
            ))
            .fact("it is in the request, and this place is not its endpoint")
            .fact("nothing was sent")
            .hint("leave the token out, or call the endpoint that it is for"));
        }
    }
    Ok(())
}

/// Returns whether a redirect's request may be sent: a write is not repeated somewhere else on a
/// server's word, and a guarded endpoint takes none from elsewhere.
pub(crate) fn may_follow(
    method: &Method,
    class: Option<Class>,
    to: &Url,
    tenants: Tenants<'_>,
) -> bool {
    if is_read(method) {
        return true;
    }
    let is_known = tenants
        .chosen
        .is_some_and(|profile| profile.base.value.owns(to))
        || tenants.others.iter().any(|other| other.base.owns(to));
    match class {
        Some(class) => class == Class::Read,
        None => !is_known,
    }
}

/// Makes the first request of a line.
///
/// # Errors
/// Fails when the URL cannot be made of its parts.
pub(crate) fn first_request(draft: &mut Draft, place: &Place) -> Result<Request> {
    draft
        .request(&place.address, draft::Allowed::default())
        .ok_or_else(|| Failure::local("the body cannot be read"))
}
