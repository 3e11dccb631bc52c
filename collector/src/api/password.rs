//! Passwords: hashed with Argon2id, on threads of their own, a few at a time.
//!
//! One hash costs 19 MiB and some 30 ms by intention. Without a bound, a hundred people (or one attacker)
//! signing in at once would take the memory of the whole collector.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use tokio::sync::Semaphore;

use super::error::{ApiError, ErrorCode};

/// Hashes at the same time.
const AT_ONCE: usize = 2;
/// Callers that may wait for their turn; who comes on top is told to come back.
const CALLERS_MAX: usize = 32;
/// Characters that a new password needs.
pub const CHARACTERS_MIN: usize = 12;
/// Bytes that a password may have; longer ones are not even hashed.
pub const BYTES_MAX: usize = 1_024;
/// What a password is compared with when there is no such user: the answer takes the same time.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes a password.
///
/// # Panics
/// Never: the parameters are constants that Argon2 accepts, and the salt is well-formed.
pub fn hash(password: &str) -> String {
    let salt = SaltString::encode_b64(&random::<16>()).expect("16 bytes are a salt");
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    hash.expect("the default parameters are valid").to_string()
}

/// A password to be handed over once: 80 bits, in groups that can be read out on the telephone.
pub fn one_time() -> String {
    // Without the letters and digits that are mistaken for each other.
    const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";
    let letters = random::<16>().map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    letters
        .chunks(4)
        .map(String::from_iter)
        .collect::<Vec<_>>()
        .join("-")
}

/// Bytes from the operating system's source.
pub(super) fn random<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).expect("the operating system's random source works");
    bytes
}

fn verify(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    Argon2::default()
        .verify_password(password.as_bytes(), &hash)
        .is_ok()
}

/// Where passwords are hashed and checked while others do their work.
#[derive(Clone)]
pub(super) struct Passwords {
    turns: Arc<Semaphore>,
    callers: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            callers: Arc::new(Semaphore::new(CALLERS_MAX)),
        }
    }
}

impl Passwords {
    /// Whether a password belongs to a hash; `None` is the hash of nobody.
    pub(super) async fn check(&self, password: String, hash: Option<String>) -> Result<bool, ApiError> {
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| NOBODY.to_owned());
        Ok(self.apart(move || verify(&password, &hash)).await? && known)
    }

    /// Hashes a new password, if it may be one.
    pub(super) async fn hash(&self, password: String) -> Result<String, ApiError> {
        if password.chars().count() < CHARACTERS_MIN {
            return Err(ApiError::new(ErrorCode::PasswordTooShort).with("min", CHARACTERS_MIN));
        }
        if password.len() > BYTES_MAX {
            return Err(ApiError::new(ErrorCode::PasswordTooLong).with("max", BYTES_MAX));
        }
        self.apart(move || hash(&password)).await
    }

    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let busy = |_| ApiError::new(ErrorCode::Unavailable).with("part", "sign_in");
        let _caller = self.callers.try_acquire().map_err(busy)?;
        let _turn = self.turns.acquire().await.expect("the semaphore is never closed");
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|error| ApiError::internal("a password could not be hashed", &error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_only() {
        let passwords = Passwords::default();
        let hash = passwords
            .hash("mật khẩu rất dài".to_owned())
            .await
            .expect("hashed");
        assert!(hash.starts_with("$argon2id$"));
        let check = |password: &str, hash: Option<&str>| {
            passwords.check(password.to_owned(), hash.map(str::to_owned))
        };
        assert!(check("mật khẩu rất dài", Some(&hash)).await.expect("checked"));
        assert!(!check("mật khẩu rất dàj", Some(&hash)).await.expect("checked"));
        assert!(!check("mật khẩu rất dài", Some("no hash")).await.expect("checked"));
        assert!(!check("mật khẩu rất dài", None).await.expect("checked"));
    }

    #[test]
    fn nobody_has_a_hash_that_takes_its_time() {
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert!(!verify("", NOBODY));
    }

    #[tokio::test]
    async fn length_is_counted_in_characters() {
        let refused = Passwords::default()
            .hash("mậtkhẩungắn".to_owned())
            .await
            .expect_err("11 characters");
        assert_eq!(refused.code, ErrorCode::PasswordTooShort);
        let refused = Passwords::default()
            .hash("x".repeat(BYTES_MAX + 1))
            .await
            .expect_err("too long");
        assert_eq!(refused.code, ErrorCode::PasswordTooLong);
    }

    #[test]
    fn a_one_time_password_is_long_enough_to_be_used() {
        let password = one_time();
        assert_eq!(password.len(), 19, "{password}");
        assert_ne!(password, one_time());
    }
}
