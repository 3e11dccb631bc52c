//! Hostile text made fit to be read: names of files, of PCs, of programs.
//!
//! Composed (NFC), because many mail programs set decomposed Vietnamese badly; without control, bidi and
//! invisible characters, which could end a header, begin another line or turn `cod.exe` into `exe.doc`;
//! and short, cut in the middle, because the end of a path says most. Stored bytes stay as they are.

use unicode_normalization::UnicodeNormalization;

/// What stands for a character that is not shown.
const HIDDEN: char = '\u{fffd}';

/// A text of at most `chars_max` harmless characters on one line.
pub(super) fn shown(text: &str, chars_max: usize) -> String {
    // What is cut away anyway is not looked at: a hostile name may be megabytes long.
    let plain: Vec<char> = ends(text, chars_max).nfc().map(harmless).collect();
    if plain.len() <= chars_max {
        return plain.into_iter().collect();
    }
    let head = chars_max / 3;
    let tail = chars_max.saturating_sub(head + 1);
    let first = plain.iter().take(head);
    let last = plain.iter().skip(plain.len() - tail);
    first.chain(std::iter::once(&'…')).chain(last).collect()
}

/// The beginning and the end of a text that is far too long; the text itself otherwise. One shown
/// character may have been composed of several.
fn ends(text: &str, chars_max: usize) -> String {
    let enough = 8 * chars_max;
    let count = text.chars().count();
    if count <= 2 * enough {
        return text.to_owned();
    }
    let head = text.chars().take(enough);
    head.chain(text.chars().skip(count - enough)).collect()
}

fn harmless(c: char) -> char {
    let invisible = matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{fffe}'..='\u{ffff}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    if c.is_control() || invisible { HIDDEN } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vietnamese_is_composed_and_kept() {
        let decomposed: String = "Hồ sơ đất đai – Nguyễn Thị Ánh.docx".nfd().collect();
        assert_eq!(shown(&decomposed, 80), "Hồ sơ đất đai – Nguyễn Thị Ánh.docx");
    }

    #[test]
    fn what_xml_forbids_does_not_cost_a_mail() {
        assert!(!shown("a\u{ffff}b\u{fffe}", 80).contains(['\u{ffff}', '\u{fffe}']));
    }

    #[test]
    fn what_could_deceive_is_visible() {
        assert_eq!(
            shown("a\r\nBcc: x@y\t\u{202e}cod.exe\u{200b}\0", 80),
            "a\u{fffd}\u{fffd}Bcc: x@y\u{fffd}\u{fffd}cod.exe\u{fffd}\u{fffd}"
        );
    }

    #[test]
    fn what_is_long_is_cut_in_the_middle() {
        let long = format!("/srv/{}/báo cáo.xlsx", "x".repeat(1_000_000));
        let cut = shown(&long, 40);
        assert_eq!(cut.chars().count(), 40);
        assert!(
            cut.starts_with("/srv/") && cut.ends_with("/báo cáo.xlsx"),
            "{cut}"
        );
        assert_eq!(shown("abc", 3), "abc");
    }
}
