//! `rein curl`: a command line of curl with its URLs filled in, taken apart as far as it must be
//! judged, and the line that curl gets.
//!
//! What cannot be judged (a config file of curl's, an option that the table does not have) is
//! refused where the profile's token or a guard could be concerned.

pub(crate) mod address;
pub(crate) mod judge;
pub(crate) mod line;
pub(crate) mod places;
pub(crate) mod preview;
pub(crate) mod transfer;
