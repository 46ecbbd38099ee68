//! Whether more requests follow the first response of a call: pages, or attempts of `--until`.

use crate::catalogue::Classified;
use crate::cli::options::CallOptions;
use crate::error::{Failure, Result};
use crate::output::view::View;
use crate::plan::checks::Until;
use crate::plan::paging::{self, PagePlan, Recipe, StatePlan};
use crate::request::Request;
use crate::text::jq::Filter;

/// What follows a call's first response.
pub(crate) enum Continuation {
    /// Nothing.
    No,
    /// Page after page.
    Pages(PagePlan),
    /// The same again, until it holds.
    Until(Until),
}

impl Continuation {
    /// Decides; `items` is where the items of a response are known to be.
    ///
    /// # Errors
    /// Fails (exit 2) when the options do not go together, or the call has no pages.
    pub(crate) fn decide(
        options: &CallOptions,
        items: Option<&str>,
        classified: &Classified,
        request: &Request,
        view: &View,
    ) -> Result<Continuation> {
        let until = Until::decide(&options.checks, classified.class)?;
        if !options.paging.paginate {
            // clap could only say that --paginate is missing, which is seldom what is meant.
            if options.paging.limit.is_some() {
                return Err(Failure::unsent(
                    "--limit needs --paginate; for one page's size use limit=N",
                ));
            }
            return Ok(until.map_or(Continuation::No, Continuation::Until));
        }
        if until.is_some() {
            return Err(Failure::usage("--until and --paginate cannot be combined")
                .hint("leave out one of them"));
        }
        paging::without_effect(options)?;
        if options.paging.limit == Some(0) {
            return Err(Failure::usage("--limit must be at least 1").fact("nothing was sent"));
        }
        let recipe = Recipe::find(&options.paging, classified.endpoint, items, &request.method)?;
        let Some(recipe) = recipe else {
            return Ok(Continuation::No);
        };
        // Find out before anything is sent whether the body can be sent again.
        recipe.first(request)?;
        Ok(Continuation::Pages(PagePlan {
            recipe,
            limit: options.paging.limit,
            max_pages: options.paging.max_pages,
            state: StatePlan::decide(options, view)?,
        }))
    }

    /// Returns the filter that is waited for, if there is one.
    pub(crate) fn until_filter(&self) -> Option<&Filter> {
        match self {
            Continuation::Until(until) => Some(&until.expect.filter),
            Continuation::No | Continuation::Pages(_) => None,
        }
    }
}
