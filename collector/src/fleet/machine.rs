//! Which machine stands behind an agent's key: a pure decision over fingerprints.
//!
//! A part of a PC may be replaced, and then its fingerprint is another one from that day on. Two machines are there
//! when two fingerprints are in use at once, or when the former one comes back.

use vong_proto::session::Fingerprint;

use crate::registry::fingerprint::{are_different, says_nothing};

/// What a hello's fingerprint says, given what is known of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Behind {
    /// The machine that is known, or the first one: this is its fingerprint and the one before.
    One {
        /// Its fingerprint.
        fingerprint: Fingerprint,
        /// The one before, of another machine or of this one with another part.
        former: Option<Fingerprint>,
    },
    /// Two machines use the key.
    Two,
}

/// Decides about `asking`; `known` and `former` were presented before it, `connected` by connections that are open.
pub fn behind(
    known: Option<&Fingerprint>,
    former: Option<&Fingerprint>,
    connected: &[Fingerprint],
    asking: &Fingerprint,
) -> Behind {
    let differs = |other: &Fingerprint| are_different(other, asking);
    if connected.iter().any(differs) {
        return Behind::Two;
    }
    let has_moved = known.is_some_and(differs);
    let comes_back = former.is_some_and(|former| !differs(former));
    match (has_moved, known) {
        // Who says nothing of itself is taken for who was there: the next one is compared with that.
        (_, Some(known)) if says_nothing(asking) => Behind::One {
            fingerprint: known.clone(),
            former: former.cloned(),
        },
        (true, Some(_)) if comes_back => Behind::Two,
        (true, Some(known)) => Behind::One {
            fingerprint: asking.clone(),
            former: Some(known.clone()),
        },
        _ => Behind::One {
            fingerprint: asking.clone(),
            former: former.cloned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(smbios: &str) -> Fingerprint {
        Fingerprint {
            smbios_uuid: smbios.to_owned(),
            machine_id: "5f0c1b2a9d".to_owned(),
            ..Fingerprint::default()
        }
    }

    #[test]
    fn a_replaced_board_is_one_machine_until_the_old_one_comes_back() {
        let (old, new) = (board("4c4c4544-0051"), board("4c4c4544-0052"));
        let first = behind(None, None, &[], &old);
        assert_eq!(
            first,
            Behind::One {
                fingerprint: old.clone(),
                former: None
            }
        );
        let replaced = behind(Some(&old), None, &[], &new);
        assert_eq!(
            replaced,
            Behind::One {
                fingerprint: new.clone(),
                former: Some(old.clone())
            }
        );
        assert_eq!(behind(Some(&new), Some(&old), &[], &old), Behind::Two);
        assert!(matches!(
            behind(Some(&new), Some(&old), &[], &new),
            Behind::One { .. }
        ));
    }

    #[test]
    fn two_fingerprints_at_once_are_two_machines_and_one_is_one() {
        let (here, there) = (board("4c4c4544-0051"), board("4c4c4544-0052"));
        let connected = std::slice::from_ref(&here);
        assert_eq!(behind(Some(&here), None, connected, &there), Behind::Two);
        assert!(matches!(
            behind(Some(&here), None, connected, &here),
            Behind::One { .. }
        ));
    }

    #[test]
    fn who_has_no_fingerprint_is_nobody_else_and_hides_nobody() {
        let nameless = Fingerprint::default();
        let (before, here) = (board("4c4c4544-0050"), board("4c4c4544-0051"));
        let still = Behind::One {
            fingerprint: here.clone(),
            former: Some(before.clone()),
        };
        assert_eq!(behind(Some(&here), Some(&before), &[], &nameless), still);
    }
}
