//! Where options lead the connections of a transfer in place of a URL's host.

use url::Url;

use crate::cli::curl::Argument;
use crate::cli::curl::table::Role;

/// https; http is read as the same place.
const USUAL_PORT: u16 = 443;
const PROXY_PORT: u16 = 1080;

/// Returns host and port of every place that options lead to.
pub(crate) fn led_to(arguments: &[Argument]) -> Vec<(String, u16)> {
    let mut places = Vec::new();
    for argument in arguments {
        let text = argument.text();
        match argument.role() {
            // HOST1:PORT1:HOST2:PORT2
            Role::ConnectTo => {
                // An empty port is the URL's own, which is one of the two usual ones or is in it.
                if let [_, from, host, to] = colon_parts(&text)[..]
                    && !host.is_empty()
                {
                    let port = [to, from].iter().find_map(|port| port.parse().ok());
                    places.push((host.to_owned(), port.unwrap_or(USUAL_PORT)));
                }
            }
            // HOST:PORT:ADDRESS,...
            Role::Resolve => {
                if let [_, port, addresses @ ..] = &colon_parts(&text)[..] {
                    let port = port.parse().unwrap_or(USUAL_PORT);
                    let addresses = addresses.join(":");
                    let addresses = addresses.split(',').filter(|address| !address.is_empty());
                    places.extend(addresses.map(|address| (address.to_owned(), port)));
                }
            }
            Role::Proxy => places.extend(proxy_place(&text)),
            _ => {}
        }
    }
    places
}

/// Returns host and port of a proxy, by curl's defaults.
fn proxy_place(text: &str) -> Option<(String, u16)> {
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    // A scheme that the parser does not know keeps its port, whatever it is.
    let url = Url::parse(&format!("proxy://{rest}")).ok()?;
    let usual = match scheme.eq_ignore_ascii_case("https") {
        true => USUAL_PORT,
        false => PROXY_PORT,
    };
    Some((url.host_str()?.to_owned(), url.port().unwrap_or(usual)))
}

/// Cuts at the colons that are not inside brackets.
fn colon_parts(text: &str) -> Vec<&str> {
    let mut is_inside = false;
    let is_cut = |character| {
        is_inside = character == '[' || is_inside && character != ']';
        character == ':' && !is_inside
    };
    text.split(is_cut).collect()
}
