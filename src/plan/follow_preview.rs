//! `follow --dry-run`: the calls that following is made of as text, with nothing sent.

use super::guard::Decision;
use super::preview::guard_words;
use crate::catalogue::Endpoint;
use crate::exchange::proxy::Proxy;
use crate::profile::Profile;
use crate::request::Request;
use crate::secret::Redactor;
use crate::text::terminal::sanitise;

/// One call of a round, and when it is made.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) request: Request,
    pub(crate) endpoint: &'static Endpoint,
    pub(crate) when: &'static str,
}

/// Returns what is printed: each call of a round, then what they share.
pub(crate) fn page(
    steps: &[Step],
    profile: &Profile,
    decision: &Decision,
    proxy: Option<&Proxy>,
) -> String {
    let redactor = Redactor::default();
    let mut text = String::new();
    for step in steps {
        let url = redactor.url(&step.request.url);
        text.push_str(&format!("{} {}\n", step.request.method, sanitise(&url)));
        text.push_str(&format!(
            "  {} ({}): {}\n",
            step.endpoint.class.name(),
            step.endpoint.name,
            step.when
        ));
    }
    let endpoint = &profile.base;
    let mut facts = vec![
        ("profile", profile.name.clone()),
        (
            "endpoint",
            format!("{} ({})", endpoint.value.as_str(), endpoint.origin),
        ),
        ("token", profile.token.describe()),
    ];
    if let Some(proxy) = proxy {
        facts.push(("proxy", format!("{} ({})", proxy.shown(), proxy.origin)));
    }
    facts.push(("guard", guard_words(profile, decision)));
    text.push('\n');
    for (name, value) in facts {
        text.push_str(&format!("{name:<8}  {}\n", sanitise(&value)));
    }
    text.push_str("nothing was sent\n");
    text
}
