//! Raw OS calls.
