//! Whose the URLs of a line are, and what on it could lead a token or a write past that.

use url::Url;

use super::address::Address;
use super::transfer::Transfer;
use crate::cli::curl::table::{Danger, REFUSALS, Role};
use crate::error::{Failure, Result};
use crate::plan::ownership::{Judgement, Profiles, Sent, bracketed, judge};
use crate::profile::Guard;
use crate::profile::endpoint::is_this_machine;
use crate::request::Request;
use crate::request::location::Location;
use crate::text::terminal::sanitise;

/// A transfer that has been judged.
pub(crate) struct Judged {
    pub(crate) transfer: Transfer,
    /// The request to each URL that names a place, with its judgement.
    pub(crate) requests: Vec<(Request, Judgement)>,
    /// Whether its URLs are the chosen profile's.
    pub(crate) is_own: bool,
}

impl Judged {
    /// Returns the first of the profile's URLs.
    pub(crate) fn own_url(&self) -> Option<&Url> {
        let first = self.requests.first().filter(|_| self.is_own);
        first.map(|(request, _)| &request.url)
    }
}

/// Judges the transfers of a line.
///
/// # Errors
/// Fails (exit 2) for another profile's URL, and for what could carry the token or a write where
/// it cannot be seen.
pub(crate) fn all_judged(transfers: Vec<Transfer>, profiles: Profiles<'_>) -> Result<Vec<Judged>> {
    let transfers = transfers.into_iter().map(|one| judged(one, profiles));
    let transfers = transfers.collect::<Result<Vec<Judged>>>()?;
    if transfers.iter().any(|judged| judged.is_own) {
        // A log is one of all transfers, and a config file can set it.
        for Judged { transfer, .. } in &transfers {
            refuse(
                transfer,
                Danger::Unseen,
                "the token could leave its endpoint",
            )?;
            refuse(transfer, Danger::Log, "the URL is the profile's")?;
        }
    }
    Ok(transfers)
}

fn judged(transfer: Transfer, profiles: Profiles<'_>) -> Result<Judged> {
    let mut requests = Vec::new();
    let mut owns = Vec::new();
    for called in &transfer.urls {
        match &called.address {
            Ok(Some(address)) => {
                let request = transfer.request(address);
                let judgement = judged_address(&transfer, address, &request, profiles);
                owns.push(is_own(&transfer, address, &judgement, profiles)?);
                requests.push((request, judgement));
            }
            Ok(None) => owns.push(false),
            Err(why) => {
                let is_broken = called.text.contains(['\r', '\n']);
                if has_guard(profiles) || is_broken && profiles.chosen.is_some() {
                    return Err(Failure::unsent(format!("cannot judge the URL: {why}"))
                        .hint("write it plainly: https://HOST/PATH"));
                }
                owns.push(false);
            }
        }
    }
    let is_own = owns.contains(&true);
    if is_own && owns.contains(&false) {
        let what = "URLs of the profile and others are in one transfer";
        return Err(Failure::unsent(what)
            .fact("the token would go to all of them")
            .hint("separate them with --next"));
    }
    if has_guard(profiles) {
        let why = "a guarded profile could be concerned";
        refuse(&transfer, Danger::Unseen, why)?;
    }
    let judged = Judged {
        transfer,
        requests,
        is_own,
    };
    if is_own {
        refuse_what_leaks(&judged)?;
    }
    Ok(judged)
}

/// Judges what is sent: the path as curl sends it, with the query that options add.
fn judged_address(
    transfer: &Transfer,
    address: &Address,
    request: &Request,
    profiles: Profiles<'_>,
) -> Judgement {
    let query = address.url.query().into_iter();
    let query: Vec<&str> = query
        .chain(transfer.query.iter().map(String::as_str))
        .collect();
    let sent = Sent {
        method: &transfer.method,
        path: &address.path,
        query: &query.join("&"),
        ..Sent::of(request, transfer.led_to.clone())
    };
    judge(&sent, profiles)
}

/// Returns whether a guard could be concerned: one is set, or it is not known which are.
fn has_guard(profiles: Profiles<'_>) -> bool {
    let chosen = profiles.chosen.map(|profile| profile.guard.value);
    let all = profiles.all.iter().map(|profile| profile.guard);
    profiles.unknown.is_some() || all.chain(chosen).any(|guard| guard != Guard::None)
}

/// Returns whether a URL is the chosen profile's.
fn is_own(
    transfer: &Transfer,
    address: &Address,
    judgement: &Judgement,
    profiles: Profiles<'_>,
) -> Result<bool> {
    if let Some(chosen) = profiles.chosen
        && judgement.location.is_below(&chosen.base.value.location())
    {
        // Its own place, in whatever spelling: the token goes along or nothing does.
        judgement.check_token()?;
        return Ok(true);
    }
    if let Some(owner) = judgement.owners.first() {
        let name = sanitise(&owner.name);
        let made_with = match profiles.chosen {
            Some(chosen) => format!(
                "this call is made with profile {} ({})",
                sanitise(&chosen.name),
                sanitise(chosen.base.value.as_str())
            ),
            None => "no profile is selected".to_owned(),
        };
        let failure = Failure::unsent(format!("the URL belongs to profile {name}"));
        return Err(failure
            .fact(made_with)
            .hint(format!("rein -p {name} curl ...")));
    }
    let mut bases = profiles.all.iter().map(|profile| profile.base.location());
    if address.has_glob
        && !transfer.is_on(Role::Globoff)
        && has_guard(profiles)
        && bases.any(|base| judgement.location.is_same_host(&base))
    {
        let what = "cannot judge a URL with braces or brackets on this host";
        return Err(Failure::unsent(what).hint("write each URL out, or pass --globoff"));
    }
    Ok(false)
}

/// Refuses the first argument that is such a danger.
fn refuse(transfer: &Transfer, danger: Danger, fact: &str) -> Result<()> {
    for argument in transfer.arguments.iter().filter(|one| one.is_on) {
        let role = match argument.reads_a_file() && transfer.must_be_seen(argument) {
            true => Role::Hidden,
            false => argument.role(),
        };
        let mut refusals = REFUSALS.iter().filter(|one| one.danger == danger);
        if let Some(refusal) = refusals.find(|one| one.role == role) {
            let what = format!("{} {}", sanitise(&argument.name), refusal.why);
            return Err(Failure::unsent(what).fact(fact).hint(&refusal.hint));
        }
    }
    Ok(())
}

/// Refuses what would show the token, or send it to another place than the URL's host.
fn refuse_what_leaks(judged: &Judged) -> Result<()> {
    let transfer = &judged.transfer;
    refuse(transfer, Danger::Leak, "the URL is the profile's")?;
    if transfer.is_on(Role::Insecure) {
        let mut judgements = judged.requests.iter().map(|(_, judgement)| judgement);
        judgements.try_for_each(Judgement::check_insecure)?;
    }
    for argument in &transfer.arguments {
        let role = argument.role();
        let is_header = matches!(role, Role::Header | Role::HeaderPart | Role::Credential);
        if is_header && argument.text().contains(['\r', '\n']) {
            let name = sanitise(&argument.name);
            let what = format!("{name}: header values must not contain CR or LF");
            return Err(Failure::unsent(what));
        }
    }
    let is_of_method = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if !transfer.method.bytes().all(is_of_method) {
        let method = sanitise(&transfer.method);
        return Err(Failure::unsent(format!("'{method}' is not a method")));
    }
    keep_at_home(transfer)
}

/// Refuses to lead the token away from the host that the URL names: TLS proves a host's name, a
/// `Host` header does not, and plain http proves nothing.
fn keep_at_home(transfer: &Transfer) -> Result<()> {
    for header in &transfer.headers {
        let names_another = |address: &Address| {
            let named = Url::parse(&format!("{}://{}/", address.url.scheme(), header.value));
            !named.is_ok_and(|named| Location::of(&named).is_same_host(&Location::of(&address.url)))
        };
        if header.name.eq_ignore_ascii_case("host") && transfer.addresses().any(names_another) {
            let what = "-H 'Host: ...' names another host than the URL";
            return Err(Failure::unsent(what)
                .fact("the token goes to the URL's own host only")
                .hint("leave the header out, or connect elsewhere with --resolve"));
        }
    }
    let leaves = |(host, _): &(String, u16)| {
        let url = Url::parse(&format!("http://{}/", bracketed(host)));
        !url.is_ok_and(|url| is_this_machine(&url))
    };
    if transfer.is_plain() && transfer.led_to.iter().any(leaves) {
        let what = "the token would leave this machine over plain http";
        return Err(Failure::unsent(what).hint("leave out --connect-to, --resolve and -x"));
    }
    Ok(())
}
