//! Whose the URLs of a line are, and what on it could lead a token or a write past that.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use url::{Position, Url};

use super::address::{Address, read};
use super::request::{credential, hides, is_credential, is_in_query, is_on, method, request};
use crate::cli::curl::Item;
use crate::env::Env;
use crate::error::{Failure, Result};
use crate::plan::ownership::{Judgement, Profiles, Sent, judge};
use crate::profile::Guard;
use crate::profile::known::{KnownTokens, not_for};
use crate::request::{Request, TypedCredential};
use crate::text::terminal::sanitise;

/// A transfer that has been judged.
pub(crate) struct Transfer {
    pub(crate) items: Vec<Item>,
    /// The request to each URL that names a place, with its judgement.
    pub(crate) requests: Vec<(Request, Judgement)>,
    /// Whether its URLs are the chosen profile's.
    pub(crate) is_own: bool,
    /// The credential for them.
    pub(crate) credential: TypedCredential,
}

impl Transfer {
    /// Returns whether a URL is one of plain http.
    pub(crate) fn is_plain(&self) -> bool {
        self.requests
            .iter()
            .any(|(request, _)| request.url.scheme() == "http")
    }
}

/// Why options of a role are refused on a line with a URL of the profile.
#[derive(Deserialize)]
struct Refusal {
    /// Whether they are refused on every line while there is a guarded profile.
    under_guards: bool,
    why: String,
    hint: String,
}

static REFUSALS: LazyLock<HashMap<String, Refusal>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../cli/curl/refusals.json")).unwrap_or_default()
});

/// Judges the transfers of a line.
///
/// # Errors
/// Fails (exit 2) for another profile's URL, and for what could carry the token or a write where
/// it cannot be seen.
pub(crate) fn judged(
    transfers: Vec<Vec<Item>>,
    profiles: Profiles<'_>,
    known: &KnownTokens,
    env: &Env,
) -> Result<Vec<Transfer>> {
    // A guard could be concerned: one is set, or it is not known which are.
    let guards = profiles.all.iter().map(|profile| profile.guard);
    let mut guards = guards.chain(profiles.chosen.map(|profile| profile.guard.value));
    let has_guard = profiles.unknown.is_some() || guards.any(|guard| guard != Guard::None);
    let transfers = transfers
        .into_iter()
        .map(|items| transfer(items, profiles, has_guard, env));
    let transfers = transfers.collect::<Result<Vec<Transfer>>>()?;
    let has_own = transfers.iter().any(|transfer| transfer.is_own);
    for transfer in &transfers {
        for item in &transfer.items {
            let role = if hides(item, &transfer.items) {
                "hidden"
            } else {
                item.role()
            };
            let refusal = REFUSALS.get(role).filter(|_| item.is_on);
            if let Some(refusal) = refusal.filter(|one| has_own || has_guard && one.under_guards) {
                let what = format!("{} {}", sanitise(&item.name), refusal.why);
                return Err(Failure::unsent(what).hint(&refusal.hint));
            }
        }
    }
    refuse_known_tokens(&transfers, known)?;
    Ok(transfers)
}

fn transfer(
    items: Vec<Item>,
    profiles: Profiles<'_>,
    has_guard: bool,
    env: &Env,
) -> Result<Transfer> {
    let (mut requests, mut owns, mut has_user) = (Vec::new(), Vec::new(), false);
    for text in items
        .iter()
        .filter(|item| item.role() == "url")
        .map(Item::text)
    {
        let is_split = profiles.chosen.is_some() && text.contains(['\r', '\n']);
        match read(&text) {
            Ok(Some(address)) => {
                let (request, judgement) = judgement(&items, &address, profiles, env);
                let is_own = is_own(&judgement, profiles)?;
                let place = &judgement.location;
                let mut bases = profiles.all.iter().map(|profile| profile.base.location());
                let has_glob = address.rest.contains(['{', '}', '[', ']']);
                let has_glob = has_glob && !is_own && !is_on(&items, "globoff");
                if has_glob && has_guard && bases.any(|base| place.is_same_host(&base)) {
                    let what = "cannot judge a URL with braces or brackets on this host";
                    return Err(Failure::unsent(what).hint("pass --globoff"));
                }
                owns.push(is_own);
                has_user |= address.has_user;
                requests.push((request, judgement));
            }
            Err(unclear) if has_guard || is_split => return Err(unclear),
            _ => owns.push(false),
        }
    }
    let is_own = owns.contains(&true);
    if is_own && owns.contains(&false) {
        let what = "URLs of the profile and others are in one transfer";
        return Err(Failure::unsent(what).hint("separate them with --next"));
    }
    let mut credential = TypedCredential::Profile;
    if is_own {
        refuse_what_leaks(&items, &requests)?;
        credential = self::credential(&items, has_user)?;
    }
    Ok(Transfer {
        items,
        requests,
        is_own,
        credential,
    })
}

/// Judges what is sent: the path as curl sends it, with the query that options add, and the proxies
/// that it is sent through.
fn judgement(
    items: &[Item],
    address: &Address,
    profiles: Profiles<'_>,
    env: &Env,
) -> (Request, Judgement) {
    let request = request(items, &address.url);
    let texts = |is_it: &dyn Fn(&&Item) -> bool| -> Vec<String> {
        items.iter().filter(is_it).map(Item::text).collect()
    };
    let mut query = texts(&|item| is_in_query(item, items));
    query.extend(address.url.query().map(str::to_owned));
    let mut proxies = texts(&|item| item.role() == "proxy");
    // A profile's URL of plain http is called without a proxy of the environment.
    if request.url.scheme() == "https" {
        let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
        let values = names.iter().filter_map(|name| env.text(name).ok()?);
        proxies.extend(values.map(str::to_owned));
    }
    let path = address.rest.split(['?', '#']).next().unwrap_or_default();
    let sent = Sent {
        method: &method(items),
        path: if path.is_empty() { "/" } else { path },
        query: &query.join("&"),
        ..Sent::of(
            &request,
            proxies
                .iter()
                .filter_map(|text| proxy_place(text))
                .collect(),
        )
    };
    let judgement = judge(&sent, profiles);
    (request, judgement)
}

/// Returns host and port of a proxy, by curl's defaults.
fn proxy_place(text: &str) -> Option<(String, u16)> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    // A scheme that the parser does not know keeps its port, whatever it is.
    let url = Url::parse(&format!("proxy://{rest}")).ok()?;
    let is_https = scheme.eq_ignore_ascii_case("https");
    let usual = if is_https { 443 } else { 1080 };
    Some((url.host_str()?.to_owned(), url.port().unwrap_or(usual)))
}

/// Returns whether a URL is the chosen profile's.
fn is_own(judgement: &Judgement, profiles: Profiles<'_>) -> Result<bool> {
    let base = profiles.chosen.map(|profile| profile.base.value.location());
    if base.is_some_and(|base| judgement.location.is_below(&base)) {
        // Its own place, in whatever spelling: the token goes along or nothing does.
        return judgement.check_token().map(|()| true);
    }
    judgement.owners.first().map_or(Ok(false), |owner| {
        let name = sanitise(&owner.name);
        Err(
            Failure::unsent(format!("the URL belongs to profile {name}"))
                .hint(format!("rein -p {name} curl ...")),
        )
    })
}

/// Refuses what would let the profile's token, or a header, go to another place than its URL.
fn refuse_what_leaks(items: &[Item], requests: &[(Request, Judgement)]) -> Result<()> {
    let is_of_method = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let method = method(items);
    if !method.bytes().all(is_of_method) {
        let method = sanitise(&method);
        return Err(Failure::unsent(format!("'{method}' is not a method")));
    }
    let has_break =
        |item: &&Item| matches!(item.role(), "header" | "header-part") || is_credential(item);
    let mut headers = items.iter().filter(has_break);
    if let Some(item) = headers.find(|item| item.text().contains(['\r', '\n'])) {
        let name = sanitise(&item.name);
        let what = format!("{name}: header values must not contain CR or LF");
        return Err(Failure::unsent(what));
    }
    for (Request { url, headers, .. }, judgement) in requests {
        if is_on(items, "insecure") {
            judgement.check_insecure()?;
        }
        // TLS proves a host's name; a `Host` header does not, and plain http proves nothing.
        let authority = &url[Position::BeforeHost..Position::BeforePath];
        let mut hosts = headers
            .iter()
            .filter(|one| one.name.eq_ignore_ascii_case("host"));
        if hosts.any(|one| one.value != authority && Some(&*one.value) != url.host_str()) {
            return Err(Failure::unsent(
                "-H 'Host: ...' names another host than the URL",
            ));
        }
        if url.scheme() == "http" && items.iter().any(|item| item.role() == "proxy") {
            let what = "the token could leave this machine over plain http";
            return Err(Failure::unsent(what).hint("leave out the proxy"));
        }
    }
    Ok(())
}

/// Refuses arguments that hold a token which is not for the URLs of their transfer.
///
/// # Errors
/// Fails (exit 2) with the token's source.
pub(crate) fn refuse_known_tokens(transfers: &[Transfer], known: &KnownTokens) -> Result<()> {
    let all = known.all();
    for transfer in transfers {
        let own = transfer.requests.first().filter(|_| transfer.is_own);
        let foreign = own.map(|(request, _)| known.foreign_to(&request.url));
        for item in &transfer.items {
            // A proxy is nobody's endpoint.
            let is_proxy = matches!(item.role(), "proxy" | "proxy-header");
            let finder = foreign.as_ref().filter(|_| !is_proxy).unwrap_or(&all);
            // An option that the table does not have is a name and its value.
            let value = item.value.as_deref().unwrap_or_default();
            let mut texts = [value.as_encoded_bytes(), item.name.as_bytes()].into_iter();
            if let Some(source) = texts.find_map(|text| finder.find(text)) {
                return Err(not_for(source, "this URL").fact("nothing was sent"));
            }
        }
    }
    Ok(())
}
