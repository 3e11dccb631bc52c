//! The collector replaces its authority: whom to trust from now on, and when to have one's certificate signed anew.
//!
//! Believed because it is said over a connection that an authority trusted so far vouches for, as a renewal is.

use tracing::info;
use vong_proto::session::Welcome;

use super::credentials::{self, CredentialsError};
use super::{Worker, random};

/// Takes over what a welcome says of authorities.
pub(super) fn follow(worker: &mut Worker, welcome: &Welcome) -> Result<(), CredentialsError> {
    if !welcome.ca_der.is_empty() {
        credentials::trust(&worker.uplink.data, &welcome.ca_der)?;
        let authorities = welcome.ca_der.len();
        info!(authorities, "the collector has named the authorities to trust");
    }
    if let Some(within_s) = welcome.renew_within_s {
        let wait_ms = f64::from(within_s) * 1_000.0 * random();
        worker.renewal.hasten(welcome.wall_ms + wait_ms as i64);
    }
    Ok(())
}
