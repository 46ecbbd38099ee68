//! One side of a comparison: a call or all its pages, read to one document.

use crate::compare::document::Receiver;
use crate::engine::Context;
use crate::engine::fetch::{Fetched, fetch};
use crate::engine::pages::{MAX_PAGE, Totals};
use crate::engine::response;
use crate::engine::session::Session;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::output::record::Record;
use crate::output::status::counted;
use crate::plan::call::{Plan, Reading};
use crate::plan::continuation::Continuation;
use crate::plan::paging::{Next, PagePlan, Pager};
use crate::request::Request;
use crate::text::lexical;
use crate::text::terminal::sanitise;

/// Makes a planned call, and hands its response, or that of all its pages joined, to `receiver`.
/// What is known about the call is said however it ends.
///
/// # Errors
/// Fails as the call does, and when the document is too large.
pub(crate) async fn read(
    plan: Plan<'_>,
    receiver: &mut Receiver<'_>,
    cx: &Context,
) -> Result<Record> {
    let Plan {
        request,
        sending,
        reading,
        delivery,
        continuation,
        ..
    } = plan;
    let mut session = Session::start(sending, delivery, &request, cx).await?;
    let mut call = Call {
        reading: &reading,
        receiver,
        record: Record::default(),
    };
    let outcome = match continuation {
        Continuation::Pages(wanted) => call.pages(&mut session, &request, &wanted).await,
        Continuation::No | Continuation::Until(_) => call.whole(&mut session, request).await,
    };
    response::say(&session, &call.record, cx);
    outcome.map(|()| call.record)
}

/// A call that is under way.
struct Call<'a, 'r> {
    reading: &'a Reading,
    receiver: &'a mut Receiver<'r>,
    record: Record,
}

impl Call<'_, '_> {
    async fn whole(&mut self, session: &mut Session<'_>, request: Request) -> Result<()> {
        let body = self.fetched(session, request).await?;
        self.receiver.push(&body)
    }

    /// Makes one request, and adds what was counted of earlier ones to its record.
    async fn fetched(&mut self, session: &mut Session<'_>, request: Request) -> Result<Vec<u8>> {
        let Fetched {
            mut record,
            body,
            outcome,
        } = fetch(session, request, self.reading, MAX_PAGE).await;
        let earlier = &self.record.attempts;
        record.attempts.requests += earlier.requests;
        record.attempts.retries += earlier.retries;
        record.attempts.redirects += earlier.redirects;
        self.record = record;
        outcome.map_err(|failure| match failure.exit {
            Exit::TooLarge => failure.hint(
                "read it in pages with --paginate, or save it with -o FILE and compare the file",
            ),
            _ => failure,
        })?;
        Ok(body)
    }

    /// Reads page after page and joins them.
    async fn pages(
        &mut self,
        session: &mut Session<'_>,
        first: &Request,
        wanted: &PagePlan,
    ) -> Result<()> {
        let recipe = &wanted.recipe;
        let mut pager = Pager::new(recipe.clone(), None);
        let mut joiner = self
            .reading
            .view
            .joiner(wanted.limit, recipe.page_members());
        let mut totals = Totals::default();
        let mut pages = 0;
        let mut request = recipe.first(first)?;
        let outcome = loop {
            let page = match self.fetched(session, request).await {
                Ok(page) => page,
                Err(failure) => break Err(incomplete(failure, pages)),
            };
            totals.add(&self.record);
            pages += 1;
            if let Err(failure) = self.join(&mut joiner, &page) {
                break Err(failure);
            }
            let next = pager.next(&page);
            let is_enough = wanted.limit.is_some_and(|limit| joiner.count() >= limit);
            request = match next {
                Next::End => break Ok(()),
                _ if is_enough => break Ok(()),
                Next::Page(_) if wanted.max_pages.is_some_and(|most| pages >= most) => {
                    break Err(stopped("--max-pages was reached, and there is more", pages));
                }
                Next::Repeated(_) => {
                    break Err(stopped("the server's cursor does not move on", pages));
                }
                Next::Page(cursor) => recipe.request(first, &cursor)?,
            };
        };
        totals.write(&mut self.record);
        self.record.received.pages = Some(pages);
        self.record.received.items = Some(joiner.count());
        session.describe(first, &mut self.record.attempts);
        outcome?;
        let mut rest = Vec::new();
        joiner.finish(&mut rest);
        self.receiver.push(&rest)
    }

    fn join(&mut self, joiner: &mut crate::output::join::Joiner, page: &[u8]) -> Result<()> {
        lexical::checked("the page", page, Exit::Local)?;
        let mut joined = Vec::new();
        joiner.page(page, &mut joined)?;
        self.receiver.push(&joined)
    }
}

/// Makes of a page's failure that of all pages. A first page that failed has its own code.
fn incomplete(cause: Failure, pages: u64) -> Failure {
    if pages == 0 || cause.exit == Exit::Interrupted {
        return cause;
    }
    Failure {
        headline: stopped(&cause.headline, pages).headline,
        exit: Exit::Incomplete,
        ..cause
    }
}

fn stopped(why: &str, pages: u64) -> Failure {
    Failure::new(
        Exit::Incomplete,
        format!(
            "incomplete after {}: {}",
            counted(pages, "page", "pages"),
            sanitise(why)
        ),
    )
}
