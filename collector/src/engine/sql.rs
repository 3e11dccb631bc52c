//! What the front end must know of a statement before the engine sees it.
//!
//! The engine reads and writes files of this machine on request: `file()` works as a plain function, by
//! `APPLY(file)` and by `arrayMap(file, …)`, and no grant withholds it; `INTO OUTFILE` and `FROM INFILE` are
//! as bad. So these words are refused wherever they stand outside a literal or comment. To be sure where
//! that is, this lexer accepts less than the engine's own: quotation marks and comments of other kinds
//! (heredoc, `#`, typographic quotes, escapes inside quoted names) are refused outright.

use super::ffi::Exception;

const SYNTAX_ERROR: u32 = 62;
const ACCESS_DENIED: u32 = 497;
/// Names that reach the file system, compared without regard to case.
const REFUSED_NAMES: [&str; 3] = ["file", "infile", "outfile"];

/// A statement that passed the check, with what its outline tells.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outline {
    /// The first word, in capitals; empty when the statement starts with a bracket.
    pub(super) verb: String,
    /// Where a trailing `FORMAT name` starts, and the name.
    pub(super) format: Option<(usize, String)>,
}

impl Outline {
    /// Reads a statement's outline, refusing what could reach files.
    pub(super) fn of(sql: &str) -> Result<Self, Exception> {
        let tokens = Lexer { sql, at: 0 }.collect::<Result<Vec<_>, _>>()?;
        if let Some(token) = tokens.iter().find(|token| token.is_refused_name()) {
            let text = format!(
                "{} is refused: this engine reads and writes no files on request",
                token.text
            );
            return Err(Exception::new(ACCESS_DENIED, &text));
        }
        let verb = tokens.first().filter(|token| token.kind == Kind::Word);
        Ok(Self {
            verb: verb.map(|token| token.text.to_uppercase()).unwrap_or_default(),
            format: trailing_format(&tokens),
        })
    }

    /// Whether the engine can give the result in chunks.
    pub(super) fn is_streamable(&self) -> bool {
        self.format.is_none() && matches!(self.verb.as_str(), "SELECT" | "WITH" | "")
    }
}

fn trailing_format(tokens: &[Token<'_>]) -> Option<(usize, String)> {
    let end = tokens.iter().rposition(|token| token.text != ";")?;
    let [.., keyword, name] = &tokens[..=end] else {
        return None;
    };
    let is_format =
        keyword.kind == Kind::Word && keyword.text.eq_ignore_ascii_case("FORMAT") && name.kind == Kind::Word;
    is_format.then(|| (keyword.start, name.text.to_owned()))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Word,
    QuotedName,
    Literal,
    Symbol,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Token<'sql> {
    kind: Kind,
    start: usize,
    /// Without its quotation marks.
    text: &'sql str,
}

impl Token<'_> {
    fn is_refused_name(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::QuotedName)
            && REFUSED_NAMES
                .iter()
                .any(|name| self.text.eq_ignore_ascii_case(name))
    }
}

struct Lexer<'sql> {
    sql: &'sql str,
    at: usize,
}

impl<'sql> Iterator for Lexer<'sql> {
    type Item = Result<Token<'sql>, Exception>;

    fn next(&mut self) -> Option<Self::Item> {
        self.skip_blanks();
        let start = self.at;
        let rest = &self.sql[start..];
        let first = rest.chars().next()?;
        let token = match first {
            '\'' => self.quoted(Kind::Literal, '\''),
            '`' | '"' => self.quoted(Kind::QuotedName, first),
            _ if is_word(first) => {
                Ok(self.take(Kind::Word, rest.find(|c| !is_word(c)).unwrap_or(rest.len())))
            }
            _ if rest.starts_with("/*") => Err(syntax_error("a comment does not end")),
            '$' | '#' => Err(syntax_error(&format!(
                "{first} is not understood outside of quotation marks"
            ))),
            _ if !first.is_ascii_graphic() => Err(syntax_error(
                "only ASCII is understood outside of quotation marks",
            )),
            _ => Ok(self.take(Kind::Symbol, 1)),
        };
        if token.is_err() {
            // The first fault is the last token.
            self.at = self.sql.len();
        }
        Some(token)
    }
}

impl<'sql> Lexer<'sql> {
    fn skip_blanks(&mut self) {
        loop {
            let rest = &self.sql[self.at..];
            let blanks = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_whitespace()).len();
            let comment = match &rest[blanks..] {
                line if line.starts_with("--") => line.find('\n').unwrap_or(line.len()),
                block if block.starts_with("/*") => block[2..].find("*/").map_or(0, |end| end + 4),
                _ => 0,
            };
            self.at += blanks + comment;
            if comment == 0 {
                return;
            }
        }
    }

    fn take(&mut self, kind: Kind, bytes: usize) -> Token<'sql> {
        let start = self.at;
        self.at += bytes;
        Token {
            kind,
            start,
            text: &self.sql[start..self.at],
        }
    }

    /// A quoted token; a doubled mark stands for itself, a backslash escapes (in literals only).
    fn quoted(&mut self, kind: Kind, mark: char) -> Result<Token<'sql>, Exception> {
        let start = self.at;
        let inside = &self.sql[start + 1..];
        let mut characters = inside.char_indices().peekable();
        while let Some((at, character)) = characters.next() {
            if character == '\\' {
                if kind == Kind::QuotedName {
                    return Err(syntax_error("a quoted name contains a backslash"));
                }
                characters.next();
            } else if character == mark && characters.next_if(|(_, next)| *next == mark).is_none() {
                self.at = start + 1 + at + 1;
                return Ok(Token {
                    kind,
                    start,
                    text: &inside[..at],
                });
            }
        }
        Err(syntax_error("a quotation mark is not closed"))
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

fn syntax_error(text: &str) -> Exception {
    Exception::new(SYNTAX_ERROR, &format!("Syntax error: {text}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whatever_reaches_files_is_refused() {
        for sql in [
            "SELECT file('/etc/passwd')",
            "SELECT `file`('/etc/passwd')",
            "SELECT \"FILE\" ('/etc/passwd')",
            "SELECT * APPLY(file) FROM (SELECT '/etc/passwd')",
            "SELECT arrayMap(file, ['/etc/passwd'])",
            "SELECT 'it''s' , file('/etc/passwd')",
            "SELECT '\\'', file('/etc/passwd')",
            "SELECT 1 -- it's\n, file('/etc/passwd') -- '",
            "SELECT /* ' */ file('/etc/passwd') /* ' */",
            "SELECT 1 INTO OUTFILE '/tmp/x'",
            "INSERT INTO t FROM INFILE 'x' FORMAT CSV",
            "SELECT * FROM File('x')",
        ] {
            assert_eq!(
                Outline::of(sql).map_err(|error| error.code()),
                Err(ACCESS_DENIED),
                "{sql}"
            );
        }
    }

    #[test]
    fn what_could_hide_a_name_is_refused() {
        for sql in [
            "SELECT `fi\\x6ce`('/etc/passwd')",
            "SELECT $$'$$, file('x'), $$'$$",
            "SELECT 1 # '\n, file('x') # '",
            "SELECT ‘'’, file('x'), ‘'’",
            "SELECT 'open",
            "SELECT /* open",
        ] {
            assert_eq!(
                Outline::of(sql).map_err(|error| error.code()),
                Err(SYNTAX_ERROR),
                "{sql}"
            );
        }
    }

    #[test]
    fn harmless_statements_pass() {
        for sql in [
            "SELECT 'file(' AS profile, file_path FROM events",
            "SELECT 1 -- file",
            "DROP TABLE filed",
        ] {
            assert!(Outline::of(sql).is_ok(), "{sql}");
        }
    }

    #[test]
    fn the_outline_names_verb_and_format() {
        let insert = "insert INTO t(`a`,`b`) FORMAT RowBinaryWithNamesAndTypes ;";
        let outline = Outline::of(insert).unwrap();
        assert_eq!(outline.verb, "INSERT");
        let (at, format) = outline.format.unwrap();
        assert_eq!(
            (&insert[..at], format.as_str()),
            ("insert INTO t(`a`,`b`) ", "RowBinaryWithNamesAndTypes")
        );
        assert!(Outline::of("/* why */ (SELECT 1)").unwrap().is_streamable());
        assert!(!Outline::of("SELECT 1 FORMAT JSON").unwrap().is_streamable());
        assert!(!Outline::of("DESCRIBE TABLE t").unwrap().is_streamable());
        assert_eq!(Outline::of("SELECT 'FORMAT JSON'").unwrap().format, None);
    }

    proptest! {
        #[test]
        fn hostile_text_never_panics(sql in ".{0,200}") {
            let _ = Outline::of(&sql);
        }
    }
}
