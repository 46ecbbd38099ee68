//! Where a token comes from.

/// A place that a token is read from.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// There is none.
    Missing,
}
