//! `rein`: curl for Re:infer (UiPath Communications Mining).
//!
//! Data flows one way: arguments, plan, request, exchange, verdict, output.

pub mod env;
pub mod error;
pub mod exit;
pub mod profile;
pub mod secret;
