//! Cells that a spreadsheet would carry out, and the apostrophe that keeps it from that.
//!
//! What came from a PC or a register may look like a formula. A spreadsheet that takes `;` or a tab for the separator
//! lets a formula begin in the middle of a cell of ours, whatever quotes stand around it; so an apostrophe, which shows
//! what follows as the text that it is, stands wherever a cell may begin. A register that is brought in again loses
//! these apostrophes, so that it says what it said.

/// What separates the cells of a spreadsheet's file, besides the comma between our quotes.
const SEPARATORS: [char; 4] = [';', '\t', '\r', '\n'];
/// With what formulas begin, as typed and in full width.
const FORMULA: [char; 8] = ['=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A cell that no spreadsheet carries out any part of.
pub fn defused(cell: &str) -> String {
    let mut text = String::with_capacity(cell.len() + 1);
    for (at, part) in cell.split_inclusive(SEPARATORS).enumerate() {
        if is_carried_out(part, at == 0) {
            text.push('\'');
        }
        text.push_str(part);
    }
    text
}

/// What a cell said before it was [`defused`].
pub(super) fn as_it_was(cell: &str) -> String {
    let parts = cell.split_inclusive(SEPARATORS).enumerate();
    let was = parts.map(|(at, part)| match part.strip_prefix('\'') {
        Some(rest) if is_carried_out(rest, at == 0) => rest,
        _ => part,
    });
    was.collect()
}

/// Whether a spreadsheet may take the beginning of a part for a formula. A quote or an apostrophe before it may fall
/// away; before the first part, so may whatever ends a cell. Numbers that we wrote ourselves are never negative.
fn is_carried_out(part: &str, is_first: bool) -> bool {
    let is_before = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
    part.trim_start_matches(is_before).starts_with(FORMULA)
        || is_first && part.trim_start_matches('\'').starts_with(['\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_cell_begins_a_formula_wherever_it_is_cut() {
        for (cell, expected) in [
            ("=1+1", "'=1+1"),
            ("+84", "'+84"),
            ("-2", "'-2"),
            ("@x", "'@x"),
            (" =a", "' =a"),
            ("\u{ff1d}a", "'\u{ff1d}a"),
            ("\tb", "'\tb"),
            ("\"=a", "'\"=a"),
            ("'=a", "''=a"),
            ("a=1", "a=1"),
            ("máy 'mới'", "máy 'mới'"),
            ("một\nhai", "một\nhai"),
            ("x;=cmd|' /c calc'!A1", "x;'=cmd|' /c calc'!A1"),
            ("x; \"=cmd", "x;' \"=cmd"),
            ("x\t@cmd;y;-1", "x\t'@cmd;y;'-1"),
            ("x\r\n=cmd", "x\r\n'=cmd"),
            (";", ";"),
            ("", ""),
        ] {
            assert_eq!(defused(cell), expected);
        }
        assert_eq!(as_it_was("'Tây Hồ'"), "'Tây Hồ'", "an apostrophe of its own");
    }

    proptest! {
        #[test]
        fn what_was_defused_is_as_it_was(cell in "[ab=+;\t\n'\" -]{0,12}") {
            let safe = defused(&cell);
            prop_assert_eq!(as_it_was(&safe), cell);
            for part in safe.split(SEPARATORS) {
                prop_assert!(!part.trim_start_matches([' ', '"']).starts_with(FORMULA), "{}", safe);
            }
        }
    }
}
