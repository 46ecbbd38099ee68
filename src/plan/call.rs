//! The plan of a call: every decision, before anything is sent.

use crate::catalogue::user::UserTemplate;
use crate::catalogue::{Classified, Endpoint, ResponseKind};
use crate::cli::options::CallOptions;
use crate::cli::units;
use crate::env::Env;
use crate::error::Result;
use crate::output::view::View;
use crate::plan::continuation::Continuation;
use crate::plan::delivery::Delivery;
use crate::plan::ownership::{self, Judgement, Profiles, Sent};
use crate::plan::paging::Recipe;
use crate::plan::presentation::{self, Declared};
use crate::plan::sending::Sending;
use crate::plan::{self, checks, connection};
use crate::profile::Profile;
use crate::request::Request;
use crate::verdict::checks::Checks;

/// A call that has been decided in every point but the token's value.
pub(crate) struct Plan<'a> {
    pub(crate) request: Request,
    /// How its requests are sent.
    pub(crate) sending: Sending<'a>,
    /// How responses are read and shown.
    pub(crate) reading: Reading,
    /// Where they go.
    pub(crate) delivery: Delivery,
    /// What the call may do, and which endpoint it is.
    pub(crate) classified: Classified,
    pub(crate) judgement: Judgement,
    /// Why the path is refused, where it is.
    pub(crate) path: Result<()>,
    pub(crate) continuation: Continuation,
}

impl<'a> Plan<'a> {
    /// Decides everything about a call.
    ///
    /// # Errors
    /// Fails (exit 2) when options do not go together or a value is invalid.
    pub(crate) fn new(
        request: Request,
        profile: &'a Profile,
        options: &CallOptions,
        template: Option<&UserTemplate>,
        env: &Env,
    ) -> Result<Self> {
        let connection = &options.connection;
        let mut sending = Sending::decide(connection, profile, &request.url, env)?;
        let led_to = connection::led_to(&request.url, &sending.connection);
        let sent = Sent {
            declared_a_read: template.is_some_and(|template| template.reads),
            ..Sent::of(&request, led_to)
        };
        let judgement = ownership::judge(&sent, Profiles::with(profile));
        let classified = judgement.classified.clone();
        sending.take_up(&classified);
        let declared = declared(template, classified.endpoint);
        // The path of a template is in a file, where no variable of a shell can be empty.
        let path = match template {
            None => plan::refuse_empty_segments(&request, profile, &classified),
            Some(_) => Ok(()),
        };
        let reading = reading(options, &request, &classified, &declared)?;
        let continuation = Continuation::decide(
            options,
            declared.items.as_deref(),
            &classified,
            &request,
            &reading.view,
        )?;
        // -m bounds the whole command, filters included.
        let filters = reading.view.filter.iter();
        let filters = filters.chain(reading.checks.expects.iter().map(|expect| &expect.filter));
        for filter in filters.chain(continuation.until_filter()) {
            filter.bound(sending.limits.total);
        }
        Ok(Plan {
            request,
            sending,
            reading,
            delivery: Delivery::decide(&options.output),
            classified,
            judgement,
            path,
            continuation,
        })
    }
}

/// Decides how the responses of a call are read and shown.
fn reading(
    options: &CallOptions,
    request: &Request,
    classified: &Classified,
    declared: &Declared,
) -> Result<Reading> {
    let max_size = options.output.max_size.as_deref();
    let max_size = max_size.map(|size| units::size("--max-size", &size.to_string_lossy()));
    let endpoint = classified.endpoint;
    Ok(Reading {
        view: presentation::decide(&options.output, declared)?,
        max_size: max_size.transpose()?,
        head_only: request.method == http::Method::HEAD,
        other_than_json: endpoint.is_some_and(|endpoint| endpoint.response == ResponseKind::Other),
        checks: checks::decide(&options.checks)?,
        pages: match endpoint {
            Some(endpoint) => Recipe::told_by_cursor(endpoint, declared.items.as_deref())?,
            None => None,
        },
    })
}

/// Returns what is known of the items: the template's word counts before the catalogue's.
fn declared(template: Option<&UserTemplate>, endpoint: Option<&Endpoint>) -> Declared {
    let mut declared = Declared::default();
    if let Some(endpoint) = endpoint {
        declared.items = endpoint.items.map(std::string::ToString::to_string);
        declared.columns = endpoint.columns.iter().map(ToString::to_string).collect();
    }
    if let Some(template) = template {
        if template.items.is_some() {
            declared.items.clone_from(&template.items);
            declared.columns.clear();
        }
        if !template.columns.is_empty() {
            declared.columns.clone_from(&template.columns);
        }
    }
    declared
}

/// How responses of a call are read and shown.
#[derive(Clone)]
pub(crate) struct Reading {
    pub(crate) view: View,
    /// The largest body, decoded.
    pub(crate) max_size: Option<u64>,
    /// Whether the headers are all that was asked for (HEAD).
    pub(crate) head_only: bool,
    /// Whether the endpoint is declared to respond with something other than JSON.
    pub(crate) other_than_json: bool,
    /// What the response must be.
    pub(crate) checks: Checks,
    /// How a single response tells that more pages follow it, where it does.
    pub(crate) pages: Option<Recipe>,
}

impl Reading {
    /// Returns the reading of a response that is only looked at: nothing is shown or expected.
    pub(crate) fn plain() -> Self {
        Reading {
            view: View::raw(),
            max_size: None,
            head_only: false,
            other_than_json: false,
            checks: Checks::default(),
            pages: None,
        }
    }

    /// Returns whether a status says that the response is not what was asked for.
    pub(crate) fn is_failure(&self, status: u16) -> bool {
        let wanted = &self.checks.statuses;
        status >= 300 && !wanted.as_ref().is_some_and(|wanted| wanted.contain(status))
    }
}
