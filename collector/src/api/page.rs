//! Lists are read page by page, from a key onwards: a page stays what it is while rows come and go before it.
//!
//! A cursor is the key of a page's last row, packed into text that clients pass back unread. It carries
//! the order it was made for, so that a cursor of one order is refused by another instead of skipping rows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use crate::registry as query;

/// Rows of a page when nobody says how many: one screen and a bit.
const LIMIT_DEFAULT: u32 = 50;
/// Rows of a page at most; who asks for more gets this many.
const LIMIT_MAX: u32 = 200;
/// Longest cursor that is looked at; ours are a tenth of it.
const CURSOR_CHARS_MAX: usize = 4_096;

/// Which page is wanted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// `next_cursor` of the page before; absent for the first.
    pub(super) cursor: Option<String>,
    /// Rows wanted: 50 when absent, at most 200.
    #[param(minimum = 1, maximum = 200)]
    pub(super) limit: Option<u32>,
}

impl PageQuery {
    /// The same question to the registry, which packs its own cursors.
    pub(super) fn of_registry(self) -> query::Page {
        let limit = u32::try_from(self.limit()).expect("at most LIMIT_MAX");
        query::Page {
            after: self.cursor,
            limit,
        }
    }

    /// Rows to answer with.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(LIMIT_DEFAULT).clamp(1, LIMIT_MAX) as usize
    }

    /// The key after which the page begins.
    ///
    /// # Errors
    /// When the cursor was not made by [`Page::cut`] for the same kind of key.
    pub(super) fn after<K: DeserializeOwned>(&self) -> Result<Option<K>, ApiError> {
        let Some(cursor) = &self.cursor else {
            return Ok(None);
        };
        unpack(cursor)
            .map(Some)
            .ok_or_else(|| ApiError::bad_request("cursor", "not a cursor of this list"))
    }
}

fn unpack<K: DeserializeOwned>(cursor: &str) -> Option<K> {
    if cursor.len() > CURSOR_CHARS_MAX {
        return None;
    }
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()
}

/// One page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub(super) struct Page<T> {
    /// The rows.
    pub(super) items: Vec<T>,
    /// Where the next page begins; `null` at the end.
    pub(super) next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// Makes a page of `limit` rows out of up to `limit + 1` rows that were read.
    pub(super) fn cut<K: Serialize>(mut items: Vec<T>, limit: usize, key: impl FnOnce(&T) -> K) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(|last| {
            let key = serde_json::to_vec(&key(last)).expect("keys are numbers and strings");
            URL_SAFE_NO_PAD.encode(key)
        });
        Self { items, next_cursor }
    }

    /// A list that is short by nature.
    pub(super) fn whole(items: Vec<T>) -> Self {
        Self {
            items,
            next_cursor: None,
        }
    }

    /// A page of the registry's, in the API's words.
    pub(super) fn of_registry<R>(page: query::Paged<R>, convert: impl FnMut(R) -> T) -> Self {
        Self {
            items: page.items.into_iter().map(convert).collect(),
            next_cursor: page.next,
        }
    }
}

/// How many rows a filter matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(super) struct Count {
    /// So many.
    pub(super) count: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(cursor: Option<String>, limit: Option<u32>) -> PageQuery {
        PageQuery { cursor, limit }
    }

    #[test]
    fn pages_join_without_hole_or_overlap() {
        let rows: Vec<u32> = (0..7).collect();
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let query = asking(cursor, Some(3));
            let after: Option<u32> = query.after().expect("our own cursor");
            let read = rows
                .iter()
                .copied()
                .filter(|row| after.is_none_or(|last| *row > last));
            let page = Page::cut(read.take(query.limit() + 1).collect(), query.limit(), |row| *row);
            seen.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, rows);
    }

    #[test]
    fn limits_are_kept() {
        assert_eq!(asking(None, None).limit(), 50);
        assert_eq!(asking(None, Some(0)).limit(), 1);
        assert_eq!(asking(None, Some(u32::MAX)).limit(), 200);
    }

    #[test]
    fn foreign_cursors_are_refused() {
        let of_text = Page::cut(vec![1, 2], 1, |_| "a").next_cursor;
        for cursor in [
            "",
            "ÿ",
            "bm9uc2Vuc2U",
            &"A".repeat(5_000),
            &of_text.expect("a cursor"),
        ] {
            let refused = asking(Some(cursor.to_owned()), None).after::<u32>();
            assert!(refused.is_err(), "{cursor}");
        }
    }
}
