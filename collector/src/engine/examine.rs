//! Hostile requests against the front end's parsers: fuzzing runs this for hours, `make test` once with every seed.

use std::collections::HashSet;

use axum::http::{HeaderMap, HeaderValue, Uri};

use super::frames::FrameDecoder;
use super::request::{Request, is_form};
use super::sql::Outline;

/// Takes a request apart.
///
/// ```text
/// target of the request line | LF | value of Content-Type | LF | body
/// ```
/// The body is read as everything a body can be: a form, a statement, and compressed frames.
pub fn front_end(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let [target, content_type, body] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let known_settings = HashSet::from(["max_threads".to_owned()]);
    if let Ok(uri) = Uri::try_from(target)
        && let Ok(request) = Request::from_uri(&uri, &known_settings)
    {
        assert!(
            request
                .settings
                .iter()
                .all(|(name, _)| known_settings.contains(name))
        );
        request.sql.iter().for_each(|sql| statement(sql));
    }
    if let Ok(content_type) = HeaderValue::from_bytes(content_type) {
        form(
            &HeaderMap::from_iter([("content-type".parse().expect("a name"), content_type)]),
            body,
        );
    }
    if let Ok(sql) = str::from_utf8(body) {
        statement(sql);
    }
    assert_eq!(
        unpacked(body, body.len().max(1)),
        unpacked(body, 7),
        "however it arrives"
    );
}

fn form(headers: &HeaderMap, body: &[u8]) {
    let mut request = Request::default();
    if is_form(headers) && request.add_form(headers, body).is_ok() {
        request.sql.iter().for_each(|sql| statement(sql));
    }
}

/// A statement that passes hides no name: what follows it is outside of quotation marks and comments.
fn statement(sql: &str) {
    let Ok(outline) = Outline::of(sql) else { return };
    if let Some((at, format)) = outline.format {
        let (keyword, rest) = sql[at..].split_at("FORMAT".len());
        assert!(
            keyword.eq_ignore_ascii_case("FORMAT") && rest.contains(&format),
            "{sql:?}"
        );
    }
    let with_file = format!("{sql}\n, file('/etc/passwd')");
    assert!(Outline::of(&with_file).is_err(), "{with_file:?} reaches a file");
}

/// What the frames hold, fed so many bytes at a time.
fn unpacked(body: &[u8], piece_bytes: usize) -> Option<Vec<u8>> {
    let (mut decoder, mut contents) = (FrameDecoder::default(), Vec::new());
    for piece in body.chunks(piece_bytes) {
        decoder.push(piece);
        while let Some(frame) = decoder.next_frame().ok()? {
            contents.extend(frame);
        }
    }
    decoder.finish().ok().map(|()| contents)
}

#[cfg(test)]
mod tests {
    use std::fs;

    #[test]
    fn hostile_requests_are_refused_or_taken_apart() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fuzz/seeds/front_end");
        let seeds: Vec<_> = fs::read_dir(seeds).expect("seeds").flatten().collect();
        assert!(seeds.len() > 5, "only {} seeds", seeds.len());
        for seed in seeds {
            println!("{}", seed.path().display());
            super::front_end(&fs::read(seed.path()).expect("a seed"));
        }
    }
}
