//! An error with its causes in one line, for logs and people: the texts of errors never repeat their cause.

use std::error::Error;

/// The error's text and those of its causes, from the outermost to the innermost.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open the file")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn causes_follow_in_order() {
        let inner = std::io::Error::other("the disk is gone");
        assert_eq!(chain(&Outer(inner)), "cannot open the file: the disk is gone");
    }
}
