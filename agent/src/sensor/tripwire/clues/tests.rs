//! Deeds as programs do them.

use super::*;
use crate::sensor::tripwire::kinds::TYPES;

const SHELL: Key = 1;

/// What somebody does, with what his files turn out to hold.
struct Hands {
    clues: Clues,
    at_ms: u64,
    children: Key,
    found: Vec<Clue>,
}

impl Hands {
    fn new() -> Self {
        Self {
            clues: Clues::default(),
            at_ms: 1_000,
            children: 100,
            found: Vec::new(),
        }
    }

    /// Done by a new child of the shell.
    fn does(&mut self, act: Act, path: &str, from: Option<&str>, verdict: Verdict) -> &mut Self {
        self.children += 1;
        self.as_process(self.children, act, path, from, verdict)
    }

    fn as_process(
        &mut self,
        key: Key,
        act: Act,
        path: &str,
        from: Option<&str>,
        verdict: Verdict,
    ) -> &mut Self {
        self.at_ms += 10;
        let (path, from) = (path.as_bytes(), from.map(str::as_bytes));
        if self.clues.question(act, path, from, false, self.at_ms).is_some() {
            let deed = Deed {
                act,
                path,
                from,
                chain: &[key, SHELL],
                at_ms: self.at_ms,
            };
            self.found.extend(self.clues.take(&deed, verdict, Some(7)));
        }
        self
    }

    fn codes(&self) -> Vec<Code> {
        self.found.iter().map(|clue| clue.code).collect()
    }
}

const WRITTEN: Act = Act::Written { made: false };
const MADE: Act = Act::Written { made: true };

#[test]
fn a_document_that_is_overwritten_counts_and_a_sound_one_does_not() {
    let mut hands = Hands::new();
    hands.does(WRITTEN, "/h/a.docx", None, Verdict::Sound);
    assert!(hands.found.is_empty());
    hands.does(WRITTEN, "/h/a.docx", None, Verdict::Random);
    assert_eq!(hands.codes(), [Code::ContentRandom]);
    assert!(hands.found[0].is_lost);
}

#[test]
fn what_somebody_makes_himself_is_no_loss() {
    let mut hands = Hands::new();
    hands.as_process(5, MADE, "/h/new.jpg", None, Verdict::Random);
    hands.as_process(5, WRITTEN, "/h/new.jpg", None, Verdict::Random);
    hands.as_process(5, Act::Removed, "/h/new.jpg", None, Verdict::Unknown);
    // A dump, encrypted, and removed by its script.
    hands.does(MADE, "/h/db.sql", None, Verdict::Sound);
    hands.does(MADE, "/h/db.sql.gpg", None, Verdict::Random);
    hands.does(Act::Removed, "/h/db.sql", None, Verdict::Unknown);
    assert_eq!(hands.found, []);
}

#[test]
fn a_random_file_and_the_original_gone_make_a_pair_in_either_order() {
    for (encrypted, original) in [
        ("/h/a.docx.enc", "/h/a.docx"),
        ("/h/a.enc", "/h/a.docx"),
        ("/out/a.docx", "/h/a.docx"),
    ] {
        let mut hands = Hands::new();
        hands.does(MADE, encrypted, None, Verdict::Random);
        assert!(hands.found.is_empty(), "{encrypted}");
        hands.does(Act::Removed, original, None, Verdict::Unknown);
        assert_eq!(hands.codes(), [Code::RewrittenAndDeleted], "{encrypted}");
        assert_eq!(hands.found[0].chain, [SHELL], "the shell had both done");

        let mut hands = Hands::new();
        hands.does(Act::Removed, original, None, Verdict::Unknown);
        hands.does(MADE, encrypted, None, Verdict::Random);
        assert_eq!(
            hands.codes(),
            [Code::RewrittenAndDeleted],
            "{encrypted}, removed first"
        );
    }
}

#[test]
fn strangers_do_not_make_a_pair() {
    let mut hands = Hands::new();
    hands.does(MADE, "/h/a.docx.enc", None, Verdict::Random);
    hands.at_ms += PAIR_MS;
    hands.does(Act::Removed, "/h/a.docx", None, Verdict::Unknown);
    // Others did it.
    let deed = |path, act, chain| Deed {
        act,
        path,
        from: None,
        chain,
        at_ms: 1,
    };
    let mut clues = Clues::default();
    assert!(
        clues
            .take(&deed(b"/h/b.enc", MADE, &[1]), Verdict::Random, None)
            .is_empty()
    );
    assert!(
        clues
            .take(&deed(b"/h/b.docx", Act::Removed, &[2]), Verdict::Unknown, None)
            .is_empty()
    );
    assert!(hands.found.is_empty());
}

#[test]
fn a_name_that_says_nothing_makes_half_a_pair() {
    let mut hands = Hands::new();
    hands.does(MADE, "/h/8f3a00c1", None, Verdict::Random);
    hands.does(Act::Removed, "/h/a.docx", None, Verdict::Unknown);
    hands.does(Act::Removed, "/h/b.docx", None, Verdict::Unknown);
    assert_eq!(
        hands.codes(),
        [Code::RewrittenAndDeleted],
        "one file stands in for one"
    );
    assert!(hands.found[0].points < points::REWRITTEN);
}

#[test]
fn a_renamed_document_is_judged_as_what_it_was() {
    let mut hands = Hands::new();
    hands.does(
        Act::Renamed,
        "/h/a.docx.locked",
        Some("/h/a.docx"),
        Verdict::Sound,
    );
    assert_eq!(hands.codes(), [Code::Extension]);
    let question = hands
        .clues
        .question(WRITTEN, b"/h/a.docx.locked", None, false, hands.at_ms);
    assert_eq!(
        question,
        TYPES
            .iter()
            .find(|kind| kind.extension == "docx")
            .map(Question::Document)
    );
    hands.does(WRITTEN, "/h/a.docx.locked", None, Verdict::Random);
    assert_eq!(hands.codes(), [Code::Extension, Code::ContentRandom]);
    assert_eq!(hands.found[1].old_path.as_deref(), Some(&b"/h/a.docx"[..]));

    // Under an ending that stands for anything, it is remembered all the same.
    let mut hands = Hands::new();
    hands.does(Act::Renamed, "/h/a.dat", Some("/h/a.docx"), Verdict::Sound);
    hands.does(WRITTEN, "/h/a.dat", None, Verdict::Random);
    assert_eq!(hands.codes(), [Code::ContentRandom]);
}

#[test]
fn a_temporary_file_that_takes_a_documents_place_is_judged() {
    let mut hands = Hands::new();
    hands.does(MADE, "/h/.a.docx.x1Y2", None, Verdict::Sound);
    hands.does(Act::Renamed, "/h/a.docx", Some("/h/.a.docx.x1Y2"), Verdict::Sound);
    assert!(hands.found.is_empty(), "an editor saves");
    hands.does(MADE, "/h/b.tmp", None, Verdict::Random);
    hands.does(Act::Renamed, "/h/b.docx", Some("/h/b.tmp"), Verdict::Random);
    assert_eq!(hands.codes(), [Code::ContentRandom]);
}

#[test]
fn what_comes_from_elsewhere_is_judged() {
    let mut hands = Hands::new();
    hands.does(Act::Renamed, "/h/a.docx", None, Verdict::Sound);
    // Somebody tidies up, and does not know that it was broken before.
    hands.does(Act::Renamed, "/h/old.docx", None, Verdict::Lost);
    assert_eq!(hands.found, []);
    hands.does(Act::Renamed, "/h/b.docx", None, Verdict::Random);
    assert_eq!(hands.codes(), [Code::ContentRandom]);
    assert!(hands.found[0].is_lost);
    // Encrypted elsewhere, brought here, and the original removed, in either order.
    hands.does(Act::Renamed, "/h/c.docx.enc", None, Verdict::Random);
    hands.does(Act::Removed, "/h/c.docx", None, Verdict::Unknown);
    hands.does(Act::Removed, "/h/d.docx", None, Verdict::Unknown);
    hands.does(Act::Renamed, "/h/d.docx.enc", None, Verdict::Random);
    assert_eq!(hands.codes()[1..], [Code::RewrittenAndDeleted; 2]);
}

#[test]
fn one_ending_for_all_adds_up() {
    let mut hands = Hands::new();
    for number in 0..8 {
        hands.does(
            Act::Renamed,
            &format!("/h/{number}.pdf.abc"),
            Some(&format!("/h/{number}.pdf")),
            Verdict::Sound,
        );
    }
    assert!(hands.found[0].points < hands.found[7].points);
}

#[test]
fn archives_count_when_originals_go_and_more_with_a_password() {
    let weight = |encrypted| {
        let mut hands = Hands::new();
        hands.as_process(5, MADE, "/h/all.7z", None, Verdict::Archive { encrypted });
        assert!(hands.found.is_empty(), "a backup keeps what it packs");
        hands.as_process(5, Act::Removed, "/h/a.docx", None, Verdict::Unknown);
        assert_eq!(hands.codes(), [Code::ArchivedAndDeleted]);
        hands.found[0].points
    };
    assert!(weight(true) > 4.0 * weight(false));
}

#[test]
fn documents_that_go_alone_say_nothing() {
    let mut hands = Hands::new();
    for number in 0..50 {
        hands.does(
            Act::Removed,
            &format!("/h/old/{number}.docx"),
            None,
            Verdict::Unknown,
        );
    }
    assert!(hands.found.is_empty());
}

#[test]
fn a_note_in_many_folders_counts_once_and_a_readme_of_its_own_never() {
    let mut hands = Hands::new();
    for number in 0..9 {
        hands.does(
            MADE,
            &format!("/h/{number}/HOW_TO_DECRYPT.txt"),
            None,
            Verdict::Sound,
        );
    }
    assert_eq!(hands.codes(), [Code::Note]);
    let mut clues = Clues::default();
    for number in 0..9_u64 {
        let path = format!("/h/{number}/README.md");
        let deed = Deed {
            act: MADE,
            path: path.as_bytes(),
            from: None,
            chain: &[5],
            at_ms: number,
        };
        assert!(
            clues.take(&deed, Verdict::Sound, Some(number)).is_empty(),
            "each says something else"
        );
    }
}
