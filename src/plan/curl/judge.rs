//! Whose the URLs of a line are, and what on it could lead a token or a write past that.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use url::{Position, Url};

use super::address::{self, Address};
use super::request::{
    credential, hides, is_credential, is_in_query, is_on, method, reads_a_file, request,
};
use crate::cli::CurlCall;
use crate::cli::curl::{Item, Line, Role};
use crate::env::Env;
use crate::error::{Failure, Result};
use crate::plan;
use crate::plan::ownership::{Judgement, Profiles, Sent, judge};
use crate::profile::known::{KnownTokens, not_for};
use crate::profile::resolve::Found;
use crate::request::{Request, TypedCredential};
use crate::text::terminal::sanitise;

/// A transfer that has been judged.
pub(crate) struct Transfer {
    pub(crate) items: Vec<Item>,
    /// The request to each URL that names a place, with its judgement.
    pub(crate) requests: Vec<(Request, Judgement)>,
    /// The credential, where the URLs are the chosen profile's.
    pub(crate) own: Option<TypedCredential>,
}

impl Transfer {
    /// Returns whether a URL is one of plain http.
    pub(crate) fn is_plain(&self) -> bool {
        let mut urls = self.requests.iter().map(|(request, _)| &request.url);
        urls.any(|url| url.scheme() == "http")
    }
}

/// Why options of a role are refused on a line with a URL of the profile.
#[derive(Deserialize)]
struct Refusal {
    /// Whether they are refused on every line while there is a guarded profile.
    under_guards: bool,
    why: &'static str,
    hint: &'static str,
}

static REFUSALS: LazyLock<HashMap<Role, Refusal>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../cli/curl/refusals.json")).unwrap_or_default()
});

/// A line that has been filled in and judged.
pub(crate) struct Judged<'a> {
    pub(crate) call: CurlCall,
    pub(crate) profiles: Profiles<'a>,
    pub(crate) transfers: Vec<Transfer>,
    /// What was changed on the line.
    pub(crate) notes: Vec<String>,
}

impl<'a> Judged<'a> {
    /// Fills in a line and judges its transfers.
    ///
    /// # Errors
    /// Fails (exit 2) for another profile's URL, and for what could carry the token or a write
    /// where it cannot be seen.
    pub(crate) fn read(mut line: Line, found: &'a Found, env: &Env) -> Result<Self> {
        let vars = plan::vars(&line.call.var)?;
        address::fill(&mut line, found, &vars)?;
        let mut judged = Judged {
            call: line.call,
            profiles: Profiles {
                chosen: found.chosen.as_ref().ok(),
                all: &found.all,
                unknown: found.unknown.as_deref(),
            },
            transfers: Vec::new(),
            notes: line.notes,
        };
        for items in line.transfers {
            let transfer = judged.transfer(items, env)?;
            judged.transfers.push(transfer);
        }
        for (index, transfer) in judged.transfers.iter().enumerate() {
            for item in transfer.items.iter().filter(|item| item.is_on) {
                judged.refuse(item, index)?;
            }
        }
        Ok(judged)
    }

    /// Returns every option and URL of the line.
    pub(crate) fn items(&self) -> impl Iterator<Item = &Item> {
        self.transfers.iter().flat_map(|transfer| &transfer.items)
    }

    /// Returns whether a URL is the chosen profile's.
    pub(crate) fn has_own(&self) -> bool {
        self.transfers.iter().any(|transfer| transfer.own.is_some())
    }

    fn refuse(&self, item: &Item, index: usize) -> Result<()> {
        let Transfer { items, own, .. } = &self.transfers[index];
        let is_own = |transfer: &Transfer| transfer.own.is_some();
        let role = match item.role() {
            _ if hides(item, items) => Role::Hidden,
            // What curl reads of a line comes before the token of a transfer behind it, and may go
            // to its own server alone.
            role if reads_a_file(item) && self.transfers[index + 1..].iter().any(is_own) => {
                if own.is_some() && role != Role::WriteOut {
                    role
                } else {
                    Role::File
                }
            }
            role => role,
        };
        let has_guard = self.profiles.could_have_guard();
        let refusal = REFUSALS.get(&role);
        match refusal.filter(|one| self.has_own() || has_guard && one.under_guards) {
            Some(Refusal { why, hint, .. }) => {
                let what = format!("{} {why}", sanitise(&item.name));
                Err(Failure::unsent(what).hint(*hint))
            }
            None => Ok(()),
        }
    }

    fn transfer(&self, items: Vec<Item>, env: &Env) -> Result<Transfer> {
        let has_guard = self.profiles.could_have_guard();
        let (mut requests, mut owns, mut has_user) = (Vec::new(), Vec::new(), false);
        for item in items.iter().filter(|item| item.role() == Role::Url) {
            let text = item.text();
            let is_broken = text.contains(['\r', '\n', char::REPLACEMENT_CHARACTER]);
            match address::read(&text) {
                Ok(Some(address)) => {
                    let (request, judgement) = self.judgement(&items, &address, env);
                    let is_own = self.is_own(&judgement)?;
                    let is_on_host = self.profiles.has_host(&judgement.location);
                    let has_glob = address.rest.contains(['{', '}', '[', ']']);
                    if has_glob
                        && is_on_host
                        && has_guard
                        && !is_own
                        && !is_on(&items, Role::Globoff)
                    {
                        let what = "cannot judge a URL with braces or brackets on this host";
                        return Err(Failure::unsent(what).hint("pass --globoff"));
                    }
                    owns.push(is_own);
                    has_user |= address.has_user;
                    requests.push((request, judgement));
                }
                Err(unclear) if has_guard || is_broken && self.profiles.chosen.is_some() => {
                    return Err(unclear);
                }
                _ => owns.push(false),
            }
        }
        let mut own = None;
        if owns.contains(&true) {
            if owns.contains(&false) {
                let what = "URLs of the profile and others are in one transfer";
                return Err(Failure::unsent(what).hint("separate them with --next"));
            }
            refuse_what_leaks(&items, &requests)?;
            own = Some(credential(&items, has_user)?);
        }
        Ok(Transfer {
            items,
            requests,
            own,
        })
    }

    /// Judges what is sent: the path as curl sends it, with the query that options add, and the
    /// proxies that it is sent through.
    fn judgement(&self, items: &[Item], address: &Address, env: &Env) -> (Request, Judgement) {
        let request = request(items, &address.url);
        let in_query = items.iter().filter(|item| is_in_query(item, items));
        let mut query: Vec<String> = in_query.map(Item::text).collect();
        query.extend(address.url.query().map(str::to_owned));
        let of_line = items.iter().filter(|item| item.role() == Role::Proxy);
        let mut proxies: Vec<String> = of_line.map(Item::text).collect();
        // A profile's URL of plain http is called without a proxy of the environment.
        if request.url.scheme() == "https" {
            let names = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
            let values = names.iter().filter_map(|name| env.text(name).ok()?);
            proxies.extend(values.map(str::to_owned));
        }
        let led_to = proxies.iter().filter_map(|text| proxy_place(text));
        let path = address.rest.split(['?', '#']).next().unwrap_or_default();
        let sent = Sent {
            method: &method(items),
            path: if path.is_empty() { "/" } else { path },
            query: &query.join("&"),
            ..Sent::of(&request, led_to.collect())
        };
        let judgement = judge(&sent, self.profiles);
        (request, judgement)
    }

    /// Returns whether a URL is the chosen profile's.
    fn is_own(&self, judgement: &Judgement) -> Result<bool> {
        let chosen = self
            .profiles
            .chosen
            .map(|chosen| chosen.base.value.location());
        if chosen.is_some_and(|base| judgement.location.is_below(base)) {
            // Its own place, in whatever spelling: the token goes along or nothing does.
            return judgement.check_token().map(|()| true);
        }
        let Some(owner) = judgement.owners.first() else {
            return Ok(false);
        };
        let name = sanitise(&owner.name);
        let what = format!("the URL belongs to profile {name}");
        Err(Failure::unsent(what).hint(format!("rein -p {name} curl ...")))
    }

    /// Refuses arguments that hold a token which is not for the URLs of their transfer.
    ///
    /// # Errors
    /// Fails (exit 2) with the token's source.
    pub(crate) fn refuse_tokens(&self, known: &KnownTokens) -> Result<()> {
        let all = known.all();
        for transfer in &self.transfers {
            let own = transfer.requests.first().filter(|_| transfer.own.is_some());
            let foreign = own.map(|(request, _)| known.foreign_to(&request.url));
            for item in &transfer.items {
                // A proxy is nobody's endpoint.
                let is_proxy = matches!(item.role(), Role::Proxy | Role::ProxyHeader);
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

/// Refuses what would let the profile's token, or a header, go to another place than its URL.
fn refuse_what_leaks(items: &[Item], requests: &[(Request, Judgement)]) -> Result<()> {
    let is_of_method = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let method = method(items);
    if !method.bytes().all(is_of_method) {
        let what = format!("'{}' is not a method", sanitise(&method));
        return Err(Failure::unsent(what));
    }
    let is_header = |role| matches!(role, Role::Header | Role::HeaderPart);
    let is_sent = |item: &&Item| is_header(item.role()) || is_credential(item);
    let is_broken = |item: &&Item| item.text().contains(['\r', '\n']);
    if let Some(item) = items.iter().filter(is_sent).find(is_broken) {
        let name = sanitise(&item.name);
        let what = format!("{name}: header values must not contain CR or LF");
        return Err(Failure::unsent(what));
    }
    for (Request { url, headers, .. }, judgement) in requests {
        if is_on(items, Role::Insecure) {
            judgement.check_insecure()?;
        }
        // TLS proves a host's name; a `Host` header does not, and plain http proves nothing.
        let authority = &url[Position::BeforeHost..Position::BeforePath];
        let is_other = |host: &str| host != authority && Some(host) != url.host_str();
        let is_host = |name: &str| name.eq_ignore_ascii_case("host");
        if headers
            .iter()
            .any(|one| is_host(&one.name) && is_other(&one.value))
        {
            let what = "-H 'Host: ...' names another host than the URL";
            return Err(Failure::unsent(what));
        }
        if url.scheme() == "http" && items.iter().any(|item| item.role() == Role::Proxy) {
            let what = "the token could leave this machine over plain http";
            return Err(Failure::unsent(what).hint("leave out the proxy"));
        }
    }
    Ok(())
}
