//! The rules about one Rust file: read once as tokens, where words are looked for, and once as
//! syntax, where functions and attributes are.
//!
//! Words are searched in tokens, not in text, so comments and strings may speak of them, and not in
//! syntax, so the inside of a macro is seen too.

use proc_macro2::{Delimiter, Ident, Spacing, TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::{Rule, Violation};

/// A file fits a reader's memory: more lines than this before its tests, and it holds two things.
pub(crate) const FILE_LINES: usize = 500;
/// A function fits a screen.
pub(crate) const FUNCTION_LINES: usize = 70;
/// A test tells one story from top to bottom; cut in two it would only be read twice.
const TEST_LINES: usize = 110;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["mod", "utils", "util", "helpers", "helper", "common", "misc"];
/// The stages of the agent, and of the collector with the face it shows: none imports another.
const AGENT_STAGES: &[&str] = &["sensor", "spool", "uplink"];
const COLLECTOR_STAGES: &[&str] = &[
    "intake", "journal", "store", "rules", "alert", "delivery", "api", "engine",
];
/// What one stage may take from another, each with its reason.
const STAGE_EXCEPTIONS: &[(&str, &str, &str)] = &[
    (
        "intake",
        "journal",
        "an acknowledgement follows the journal's fsync: intake waits on its handle",
    ),
    (
        "store",
        "journal",
        "the journal is the hand-over itself: its readers hold its handle and cursor",
    ),
    (
        "store",
        "engine",
        "the password type that never shows itself; of the engine itself the store knows a URL",
    ),
    (
        "api",
        "journal",
        "the ledger on a host's page is kept by the journal",
    ),
    (
        "api",
        "store",
        "what the dashboard may ask of the store is the store's own query face",
    ),
];
/// `cfg` names that speak of an operating system.
const SYSTEM_CFGS: &[&str] = &["windows", "unix", "target_os", "target_family"];

/// The violations of one `.rs` file.
pub(crate) fn check(path: &str, text: &str) -> Vec<Violation> {
    let mut report = Report {
        path,
        violations: Vec::new(),
    };
    check_name(&mut report);
    if !text.starts_with("//!") {
        report.add(1, Rule::ModuleDocs, "the first line is not module documentation");
    }
    let syntax = match syn::parse_file(text) {
        Ok(syntax) => syntax,
        Err(error) => {
            report.add(error.span().start().line, Rule::Parses, &error.to_string());
            return report.violations;
        }
    };
    check_length(&mut report, &syntax, text);
    let in_tests = path.ends_with("/tests.rs") || path.split('/').any(|folder| folder == "tests");
    Reader {
        report: &mut report,
        in_tests,
    }
    .visit_file(&syntax);
    // What parsed as a file is a token stream too; the `if` spares an `expect`.
    if let Ok(tokens) = text.parse::<TokenStream>() {
        check_words(&mut report, &tokens.into_iter().collect::<Vec<_>>());
    }
    report.violations
}

struct Report<'a> {
    path: &'a str,
    violations: Vec<Violation>,
}

impl Report<'_> {
    fn add(&mut self, line: usize, rule: Rule, detail: &str) {
        self.violations.push(Violation {
            file: self.path.to_owned(),
            line,
            rule,
            detail: detail.to_owned(),
        });
    }

    fn is_in(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }
}

fn check_name(report: &mut Report<'_>) {
    let mut parts = report.path.split('/').map(|part| part.trim_end_matches(".rs"));
    if let Some(name) = parts.find(|part| EMPTY_NAMES.contains(part)) {
        let detail = format!("`{name}` is no name for a file or folder");
        report.add(1, Rule::FileName, &detail);
    }
}

/// Lines before `#[cfg(test)] mod tests`; a file of tests alone is one long story and may be long.
fn check_length(report: &mut Report<'_>, syntax: &syn::File, text: &str) {
    if report.path.ends_with("/tests.rs") {
        return;
    }
    let tests = syntax.items.iter().find_map(|item| match item {
        syn::Item::Mod(module) if module.ident == "tests" => Some(module.span().start().line - 1),
        _ => None,
    });
    let lines = tests.unwrap_or_else(|| text.lines().count());
    if lines > FILE_LINES {
        report.add(
            FILE_LINES,
            Rule::FileLength,
            &format!("{lines} lines before the tests"),
        );
    }
}

/// Reads the syntax: functions for their length, attributes for what they switch.
struct Reader<'a, 'b> {
    report: &'a mut Report<'b>,
    in_tests: bool,
}

impl Reader<'_, '_> {
    fn function(&mut self, signature: &syn::Signature, end: usize) {
        let start = signature.span().start().line;
        let lines = end - start + 1;
        let limit = if self.in_tests { TEST_LINES } else { FUNCTION_LINES };
        if lines > limit {
            let detail = format!("`{}` has {lines} lines", signature.ident);
            self.report.add(start, Rule::FunctionLength, &detail);
        }
    }

    /// An attribute that switches on an operating system; `at_face` when it stands on a
    /// `#[path] mod`, where such a choice belongs.
    fn system_cfg(&mut self, attribute: &syn::Attribute, at_face: bool) {
        let switches = attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr");
        if let syn::Meta::List(list) = &attribute.meta
            && switches
            && !at_face
        {
            self.system_words(&list.tokens, attribute.span().start().line);
        }
    }

    fn system_words(&mut self, tokens: &TokenStream, line: usize) {
        if self.report.is_in("agent/os/") {
            return;
        }
        if let Some(word) = idents(tokens)
            .iter()
            .find(|ident| SYSTEM_CFGS.iter().any(|cfg| ident == cfg))
        {
            self.report
                .add(line, Rule::SystemCfg, &format!("`cfg` on `{word}`"));
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_, '_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.function(&function.sig, function.block.span().end().line);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.function(&function.sig, function.block.span().end().line);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        self.function(&function.sig, function.span().end().line);
        visit::visit_trait_item_fn(self, function);
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let at_face = module
            .attrs
            .iter()
            .any(|attribute| attribute.path().is_ident("path"));
        for attribute in &module.attrs {
            self.system_cfg(attribute, at_face);
        }
        let outside = self.in_tests;
        self.in_tests |= module.ident == "tests";
        for item in module.content.iter().flat_map(|(_, items)| items) {
            self.visit_item(item);
        }
        self.in_tests = outside;
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        self.system_cfg(attribute, false);
        if attribute.path().is_ident("ignore") {
            let line = attribute.span().start().line;
            self.report.add(line, Rule::Ignored, "a test is switched off");
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        if call.path.is_ident("cfg") {
            self.system_words(&call.tokens, call.span().start().line);
        }
    }
}

/// Looks for words in one group of tokens and in the groups inside it.
fn check_words(report: &mut Report<'_>, tokens: &[TokenTree]) {
    for (index, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(ident) => check_word(report, ident, &tokens[index + 1..]),
            TokenTree::Group(group) => check_words(report, &group.stream().into_iter().collect::<Vec<_>>()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

fn check_word(report: &mut Report<'_>, ident: &Ident, rest: &[TokenTree]) {
    let line = ident.span().start().line;
    match ident.to_string().as_str() {
        "unsafe" if !report.is_in("agent/os/") && !report.is_in("collector/src/engine/") => {
            report.add(
                line,
                Rule::Unsafe,
                "`unsafe` outside the two places that may hold it",
            );
        }
        "todo" | "unimplemented" if matches!(rest.first(), Some(TokenTree::Punct(mark)) if mark.as_char() == '!') =>
        {
            report.add(
                line,
                Rule::Unfinished,
                &format!("`{ident}!` stands for code that is not there"),
            );
        }
        "sleep" if report.is_in("tests/") => report.add(line, Rule::Sleep, "a story waits for a time"),
        "crate" => check_stages(report, rest),
        word if word.starts_with("vong_") => check_crate(report, ident),
        _ => {}
    }
}

/// `vong_x` in a crate that may not know x. The manifest says it first, but a path dependency under
/// another name would hide there.
fn check_crate(report: &mut Report<'_>, ident: &Ident) {
    let allowed: &[&str] = match report.path {
        path if path.starts_with("agent/os/") => &["vong_os"],
        path if path.starts_with("agent/") => &["vong_agent", "vong_proto", "vong_os"],
        path if path.starts_with("collector/") => &["vong_collector", "vong_proto"],
        path if path.starts_with("proto/") => &["vong_proto"],
        _ => return,
    };
    let crates = [
        "vong_os",
        "vong_agent",
        "vong_proto",
        "vong_collector",
        "vong_tests",
    ];
    let named = ident.to_string();
    if crates.contains(&named.as_str()) && !allowed.contains(&named.as_str()) {
        let line = ident.span().start().line;
        report.add(
            line,
            Rule::CrateBorder,
            &format!("`{named}` is not for this crate to know"),
        );
    }
}

/// What follows `crate` in a stage's file must not begin with another stage.
fn check_stages(report: &mut Report<'_>, rest: &[TokenTree]) {
    let Some((own, stages)) = stage_of(report.path) else {
        return;
    };
    for first in after_colons(rest) {
        let other = first.to_string();
        let allowed = STAGE_EXCEPTIONS
            .iter()
            .any(|(from, to, _)| *from == own && *to == other);
        if other != own && stages.contains(&other.as_str()) && !allowed {
            let line = first.span().start().line;
            report.add(line, Rule::StageBorder, &format!("`{own}` imports `{other}`"));
        }
    }
}

/// The stage that a file belongs to, with all stages of its crate.
fn stage_of(path: &str) -> Option<(&str, &'static [&'static str])> {
    let (inside, stages) = match path.strip_prefix("agent/src/") {
        Some(inside) => (inside, AGENT_STAGES),
        None => (path.strip_prefix("collector/src/")?, COLLECTOR_STAGES),
    };
    let name = inside.split('/').next()?.trim_end_matches(".rs");
    stages.contains(&name).then_some((name, stages))
}

/// The first words of the paths that follow a `crate`: one in `crate::a::b`, two in `crate::{a, b::c}`.
fn after_colons(rest: &[TokenTree]) -> Vec<Ident> {
    let is_colon = |token: &TokenTree| matches!(token, TokenTree::Punct(mark) if mark.as_char() == ':');
    match rest {
        [one, two, TokenTree::Ident(first), ..] if is_colon(one) && is_colon(two) => vec![first.clone()],
        [one, two, TokenTree::Group(group), ..] if is_colon(one) && is_colon(two) => {
            if group.delimiter() == Delimiter::Brace {
                first_words(group.stream())
            } else {
                Vec::new()
            }
        }
        _ => Vec::new(),
    }
}

/// The first word of each part between commas.
fn first_words(list: TokenStream) -> Vec<Ident> {
    let mut words = Vec::new();
    let mut at_start = true;
    for token in list {
        match token {
            TokenTree::Ident(ident) if at_start => {
                words.push(ident);
                at_start = false;
            }
            TokenTree::Punct(mark) if mark.as_char() == ',' && mark.spacing() == Spacing::Alone => {
                at_start = true;
            }
            _ => {}
        }
    }
    words
}

fn idents(tokens: &TokenStream) -> Vec<Ident> {
    tokens
        .clone()
        .into_iter()
        .flat_map(|token| match token {
            TokenTree::Ident(ident) => vec![ident],
            TokenTree::Group(group) => idents(&group.stream()),
            TokenTree::Punct(_) | TokenTree::Literal(_) => Vec::new(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks a text as if it stood at a path; the answer is (line, rule) of each violation.
    fn found(path: &str, text: &str) -> Vec<(usize, Rule)> {
        check(path, text)
            .into_iter()
            .map(|violation| (violation.line, violation.rule))
            .collect()
    }

    fn with_docs(code: &str) -> String {
        format!("//! What this is.\n{code}")
    }

    #[test]
    fn a_good_file_is_left_alone() {
        let text = with_docs("use crate::spool::entry;\nfn main() { println!(\"unsafe, todo!, sleep\"); }\n");
        assert_eq!(found("agent/src/spool.rs", &text), []);
    }

    #[test]
    fn a_file_begins_with_what_it_is() {
        assert_eq!(
            found("proto/src/lib.rs", "use std::fmt;\n"),
            [(1, Rule::ModuleDocs)]
        );
        assert_eq!(
            found("proto/src/lib.rs", "\n//! Too late.\n"),
            [(1, Rule::ModuleDocs)]
        );
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        assert_eq!(
            found("proto/src/lib.rs", "//! Docs.\nfn (\n"),
            [(2, Rule::Parses)]
        );
    }

    #[test]
    fn a_long_file_is_found_but_its_tests_are_free() {
        let filler = "// line\n".repeat(FILE_LINES);
        assert_eq!(
            found("proto/src/a.rs", &with_docs(&filler)),
            [(FILE_LINES, Rule::FileLength)]
        );
        let tested = with_docs(&format!("#[cfg(test)]\nmod tests {{\n{filler}}}\n"));
        assert_eq!(found("proto/src/a.rs", &tested), []);
    }

    #[test]
    fn a_long_function_is_found_wherever_it_stands() {
        let body = "    // line\n".repeat(FUNCTION_LINES - 1);
        let long = format!("fn long() {{\n{body}}}\n");
        assert_eq!(
            found("proto/src/a.rs", &with_docs(&long)),
            [(2, Rule::FunctionLength)]
        );
        let story = format!("mod tests {{\n{long}}}\n");
        assert_eq!(found("proto/src/a.rs", &with_docs(&story)), []);
        let method = format!("struct A;\nimpl A {{\n{long}}}\n");
        assert_eq!(
            found("proto/src/a.rs", &with_docs(&method)),
            [(4, Rule::FunctionLength)]
        );
        let fits = format!("fn fits() {{\n{}}}\n", "    // line\n".repeat(FUNCTION_LINES - 2));
        assert_eq!(found("proto/src/a.rs", &with_docs(&fits)), []);
    }

    #[test]
    fn empty_names_are_found_in_files_and_folders() {
        for path in [
            "agent/src/spool/mod.rs",
            "agent/src/utils.rs",
            "agent/src/common/time.rs",
        ] {
            assert_eq!(found(path, "//! Docs.\n"), [(1, Rule::FileName)], "{path}");
        }
    }

    #[test]
    fn a_stage_does_not_import_its_neighbour() {
        let check_border = |code: &str, expected: &[(usize, Rule)]| {
            assert_eq!(
                found("collector/src/rules/files.rs", &with_docs(code)),
                expected,
                "{code}"
            );
        };
        check_border("use crate::rules::Finding;\nuse crate::registry::Units;\n", &[]);
        check_border("use crate::store::Row;\n", &[(2, Rule::StageBorder)]);
        check_border(
            "use crate::{config::Config, alert::{State, b}};\n",
            &[(2, Rule::StageBorder)],
        );
        check_border(
            "fn a() { format!(\"{}\", crate::journal::b()); }\n",
            &[(2, Rule::StageBorder)],
        );
        assert_eq!(
            found(
                "collector/src/pipeline.rs",
                &with_docs("use crate::store::Row;\n")
            ),
            []
        );
    }

    #[test]
    fn a_crate_does_not_name_one_that_it_may_not_know() {
        let text = with_docs("use vong_collector::rules;\n");
        assert_eq!(found("agent/src/lib.rs", &text), [(2, Rule::CrateBorder)]);
        assert_eq!(
            found("agent/os/src/lib.rs", &with_docs("use vong_proto::event;\n")),
            [(2, Rule::CrateBorder)]
        );
        assert_eq!(
            found("collector/src/lib.rs", &with_docs("use vong_proto::event;\n")),
            []
        );
        assert_eq!(found("tests/journey.rs", &text), []);
    }

    #[test]
    fn systems_are_told_apart_in_few_places() {
        let face = with_docs("#[cfg(windows)]\n#[path = \"files/windows.rs\"]\nmod imp;\n");
        assert_eq!(found("agent/src/sensor/files.rs", &face), []);
        let item = with_docs("#[cfg(target_os = \"linux\")]\nfn a() {}\n");
        assert_eq!(found("agent/src/sensor/files.rs", &item), [(2, Rule::SystemCfg)]);
        assert_eq!(found("agent/os/src/lib.rs", &item), []);
        let call = with_docs("fn a() -> bool {\n    cfg!(unix)\n}\n");
        assert_eq!(found("agent/src/lib.rs", &call), [(3, Rule::SystemCfg)]);
        let plain = with_docs("#[cfg(windows)]\nmod imp;\n");
        assert_eq!(found("agent/src/lib.rs", &plain), [(2, Rule::SystemCfg)]);
    }

    #[test]
    fn unsafe_code_has_two_homes() {
        let text = with_docs("fn a() {\n    unsafe { b() }\n}\n");
        assert_eq!(found("collector/src/store.rs", &text), [(3, Rule::Unsafe)]);
        assert_eq!(found("collector/src/engine/library.rs", &text), []);
        assert_eq!(found("agent/os/src/lib.rs", &text), []);
    }

    #[test]
    fn nothing_is_switched_off_or_left_for_later() {
        let off = with_docs("#[test]\n#[ignore = \"slow\"]\nfn a() {}\n");
        assert_eq!(found("proto/src/a.rs", &off), [(3, Rule::Ignored)]);
        let later = with_docs("fn a() {\n    todo!()\n}\nfn b() { unimplemented!(\"{}\", 1) }\n");
        assert_eq!(
            found("proto/src/a.rs", &later),
            [(3, Rule::Unfinished), (5, Rule::Unfinished)]
        );
        let inside = with_docs("mod tests {\n    #[ignore]\n    fn a() {}\n}\n");
        assert_eq!(found("proto/src/a.rs", &inside), [(3, Rule::Ignored)]);
    }

    #[test]
    fn stories_do_not_sleep() {
        let text = with_docs("use std::thread::sleep;\nfn a() { tokio::time::sleep(b); }\n");
        assert_eq!(
            found("tests/journey.rs", &text),
            [(2, Rule::Sleep), (3, Rule::Sleep)]
        );
        assert_eq!(found("agent/src/uplink.rs", &text), []);
    }
}
