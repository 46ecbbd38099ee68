//! The three ways to name an endpoint, and what belongs to it.

use url::Url;

/// An endpoint's origin and path prefix: `https://cloud.uipath.com/acme/prod/reinfer_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base {
    url: Url,
}
