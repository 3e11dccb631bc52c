//! The request to stop, which every thread of the agent can wait for.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// A request to stop, shared by everybody it concerns; once made it stays.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_made: Mutex<bool>,
    made: Condvar,
    /// The same for those who wait asynchronously.
    told: watch::Sender<bool>,
}

impl Stop {
    /// A request that nobody has made yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks everybody to stop.
    pub fn request(&self) {
        *self.0.is_made.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.made.notify_all();
        self.0.told.send_replace(true);
    }

    /// Whether the request has been made.
    pub fn requested(&self) -> bool {
        *self.0.is_made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the request, at most `timeout`; says whether it has been made.
    pub fn wait(&self, timeout: Duration) -> bool {
        let guard = self.0.is_made.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .0
            .made
            .wait_timeout_while(guard, timeout, |is_made| !*is_made);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Waits for the request without holding a thread.
    pub async fn made(&self) {
        let mut told = self.0.told.subscribe();
        // The sender lives in `self`, so waiting cannot fail.
        let _ = told.wait_for(|made| *made).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_stays() {
        let stop = Stop::new();
        assert!(!stop.wait(Duration::ZERO));
        stop.request();
        assert!(stop.wait(Duration::ZERO));
        assert!(stop.requested());
    }

    #[test]
    fn a_waiting_thread_is_woken() {
        let stop = Stop::new();
        let waiting = std::thread::spawn({
            let stop = stop.clone();
            move || stop.wait(Duration::from_secs(30))
        });
        stop.request();
        assert!(waiting.join().expect("the thread ends"));
    }
}
