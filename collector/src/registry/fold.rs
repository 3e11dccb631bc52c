//! Folding Vietnamese for search: "Phòng Tài chính" is found by `tai chinh`, whichever way it was typed.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Lower case without marks. Tones and vowels compose in two steps and occur both composed and
/// decomposed, so the text is decomposed first; đ has no decomposition and is folded by hand.
pub fn fold(text: &str) -> String {
    let lower = text
        .nfd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase);
    lower.map(|c| if c == 'đ' { 'd' } else { c }).collect()
}

/// Text of an endpoint as the registry may keep it: PostgreSQL refuses NUL in text, and one hostile
/// name must not stop a whole transaction.
pub fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_fold_alike() {
        assert_eq!(
            fold("Đặng Thị Nguyệt – PHÒNG TÀI CHÍNH"),
            "dang thi nguyet – phong tai chinh"
        );
        let decomposed: String = "Xã Đường Hồng".nfd().collect();
        assert_eq!(fold(&decomposed), fold("xa duong hong"));
    }

    #[test]
    fn nul_never_reaches_a_database() {
        assert_eq!(storable("a\0b"), "a\u{fffd}b");
    }
}
