//! `rein curl`: a command line of curl, filled in and judged, and the line that curl gets. What
//! cannot be judged is refused where the profile's token or a guard could be concerned.

mod address;
pub(crate) mod judge;
pub(crate) mod line;
mod preview;
mod request;
