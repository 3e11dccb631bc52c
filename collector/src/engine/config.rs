//! The configuration file that the engine is started with.
//!
//! It is written anew at each start, so an upgrade of the program is an upgrade of the settings. The durable
//! ones matter most: the embedded engine's own defaults acknowledge an insert before it is on the disk. The
//! small caches and pools keep the engine next to a collector on two cores; the grants withhold everything
//! that reaches outside of it (SOURCES, SYSTEM SHUTDOWN, functions and dictionaries).

use std::fmt::Write as _;
use std::path::Path;

/// Server settings: memory, caches and pools.
const SERVER: [(&str, u64); 10] = [
    ("max_server_memory_usage", 1_500_000_000),
    ("mark_cache_size", 32 << 20),
    ("index_mark_cache_size", 8 << 20),
    ("uncompressed_cache_size", 0),
    ("query_condition_cache_size", 8 << 20),
    ("compiled_expression_cache_size", 8 << 20),
    ("background_pool_size", 2),
    ("background_schedule_pool_size", 4),
    ("background_common_pool_size", 2),
    ("max_thread_pool_size", 200),
];

/// Table settings: an acknowledged insert is on the disk, a merge leaves its sources until it is too, and a
/// token is remembered for long. The last four are what so small a pool needs in order to merge and mutate.
const MERGE_TREE: [(&str, u64); 9] = [
    ("fsync_after_insert", 1),
    ("fsync_part_directory", 1),
    ("min_rows_to_fsync_after_merge", 1),
    ("old_parts_lifetime", 480),
    ("non_replicated_deduplication_window", 10_000),
    ("max_bytes_to_merge_at_max_space_in_pool", 2 << 30),
    ("number_of_free_entries_in_pool_to_lower_max_size_of_merge", 1),
    ("number_of_free_entries_in_pool_to_execute_mutation", 1),
    (
        "number_of_free_entries_in_pool_to_execute_optimize_entire_partition",
        1,
    ),
];

/// Defaults of every query; a request may set its own.
const PROFILE: [(&str, u64); 3] = [
    ("max_memory_usage", 1_000_000_000),
    ("async_insert", 0),
    ("max_execution_time", 60),
];

const GRANTS: [&str; 5] = [
    "GRANT SHOW, SELECT, INSERT, ALTER, DROP, TRUNCATE, OPTIMIZE, KILL QUERY, dictGet ON *.*",
    "GRANT CREATE DATABASE, CREATE TABLE, CREATE VIEW ON *.*",
    "GRANT SYSTEM FLUSH, SYSTEM MERGES ON *.*",
    "GRANT TABLE ENGINE ON MergeTree",
    "GRANT TABLE ENGINE ON ReplacingMergeTree",
];

/// The text of the file that will lie at `path`.
pub(super) fn render(path: &Path) -> String {
    let mut xml =
        String::from("<!-- Written at each start of the engine; changes are lost. -->\n<clickhouse>\n");
    elements(&mut xml, &SERVER);
    xml.push_str("<merge_tree>\n");
    elements(&mut xml, &MERGE_TREE);
    xml.push_str("</merge_tree>\n<profiles><default>\n");
    elements(&mut xml, &PROFILE);
    xml.push_str("</default></profiles>\n<quotas><default/></quotas>\n");
    // Users, grants and profiles count only if the file names itself as their source.
    let own_path = escape(&path.to_string_lossy());
    let _ = writeln!(
        xml,
        "<user_directories><users_xml><path>{own_path}</path></users_xml></user_directories>"
    );
    xml.push_str("<users><default>\n<password/><profile>default</profile><quota>default</quota>\n<grants>\n");
    for grant in GRANTS {
        let _ = writeln!(xml, "<query>{grant}</query>");
    }
    xml.push_str("</grants>\n</default></users>\n</clickhouse>\n");
    xml
}

fn elements(xml: &mut String, settings: &[(&str, u64)]) {
    for (name, value) in settings {
        let _ = writeln!(xml, "<{name}>{value}</{name}>");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_break_out_of_its_element() {
        let xml = render(Path::new("/data/<a>&b/engine.xml"));
        assert!(xml.contains("<path>/data/&lt;a&gt;&amp;b/engine.xml</path>"));
    }
}
