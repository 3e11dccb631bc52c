//! How text is made comparable for searching: lower case and without accents, so that `bao cao`, `Báo cáo`
//! in composed letters and the same in decomposed ones all find each other.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The folded form; the store keeps it beside a path, and a search folds its words the same way.
pub(crate) fn fold(text: &str) -> String {
    let letters = text.nfd().filter(|character| !is_combining_mark(*character));
    letters
        .flat_map(char::to_lowercase)
        .map(|letter| if letter == 'đ' { 'd' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vietnamese_is_found_however_it_is_typed() {
        for spelling in [
            "Đơn Vị Ở Huế",
            "đơn vị ở huế",
            "Đơn Vị Ở Huế".nfd().collect::<String>().as_str(),
        ] {
            assert_eq!(fold(spelling), "don vi o hue");
        }
    }
}
