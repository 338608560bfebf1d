//! Reads the source: what the compiler can't check and a reviewer shouldn't have to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, highest first: a room imports rooms after it, and of those what it is not denied below.
const ROOMS: [&str; 14] = [
    "cli",
    "server",
    "api",
    "engine",
    "audit",
    "crypto",
    "custody",
    "hsm",
    "ledger",
    "domain",
    "policy",
    "projection",
    "event",
    "base",
];

/// Stricter than the order: the only rooms that these may import.
const ONLY: [(&str, &[&str]); 6] = [
    ("api", &["engine", "base"]),
    (
        "audit",
        &["ledger", "policy", "domain", "projection", "event", "base"],
    ),
    ("custody", &["event", "base"]),
    ("ledger", &["event", "base"]),
    ("projection", &["event", "base"]),
    ("event", &["base"]),
];

/// A file past this asks to be two.
const LINES_MAX: usize = 450;

/// One source file, its room, and its lines up to the tests at its foot.
struct Source {
    path: PathBuf,
    room: String,
    lines: Vec<String>,
    is_test: bool,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon/src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 80, "the source was not found");
    found
}

fn collect(root: &Path, dir: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inside = path.strip_prefix(root).unwrap();
            let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let is_test = inside.components().any(|part| {
                ["tests", "tests.rs", "testing.rs", "given.rs"].contains(&part.as_os_str().to_str().unwrap())
            });
            found.push(Source {
                room: first.trim_end_matches(".rs").to_owned(),
                lines: text.lines().map(str::to_owned).collect(),
                is_test,
                path: inside.to_owned(),
            });
        }
    }
}

impl Source {
    /// The lines that are not tests.
    fn product(&self) -> &[String] {
        if self.is_test {
            return &[];
        }
        let foot = self.lines.windows(2).position(|pair| {
            pair[0].trim() == "#[cfg(test)]" && pair[1].trim_start().starts_with("mod tests {")
        });
        &self.lines[..foot.unwrap_or(self.lines.len())]
    }

    fn at(&self, index: usize) -> String {
        format!("{}:{}", self.path.display(), index + 1)
    }
}

fn code_of(line: &str) -> &str {
    line.split("//").next().unwrap_or("")
}

/// The rooms that a line names by `crate::`, those in a group (`crate::{a, b::c}`) included.
fn named(line: &str) -> Vec<&str> {
    let mut rooms = Vec::new();
    for rest in code_of(line).split("crate::").skip(1) {
        let word = |text: &'_ str| {
            text.len()
                - text
                    .trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
                    .len()
        };
        if let Some(group) = rest.strip_prefix('{') {
            let group = group.split('}').next().unwrap_or("");
            rooms.extend(group.split(',').map(|item| &item.trim()[..word(item.trim())]));
        } else {
            rooms.push(&rest[..word(rest)]);
        }
    }
    rooms
}

fn may_import(room: &str, other: &str) -> bool {
    let place = |name: &str| ROOMS.iter().position(|known| *known == name);
    if room == other {
        return true;
    }
    let (Some(from), Some(to)) = (place(room), place(other)) else {
        // `main.rs` and `lib.rs` wire everything; what is no room is a macro or an item of the crate's root.
        return true;
    };
    match ONLY.iter().find(|(name, _)| *name == room) {
        Some((_, allowed)) => allowed.contains(&other),
        None => from < to,
    }
}

fn report(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn imports_run_downwards_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (index, line) in source.product().iter().enumerate() {
            for other in named(line) {
                if !may_import(&source.room, other) {
                    wrong.push(format!("{}: {} imports {other}", source.at(index), source.room));
                }
            }
        }
    }
    report("imports that run upwards", &wrong);
}

#[test]
fn the_import_rule_knows_up_from_down() {
    assert_eq!(named("use crate::{base::Seq, event};"), ["base", "event"]);
    assert_eq!(
        named("    let x = crate::ledger::commit(&*log); // crate::api"),
        ["ledger"]
    );
    assert!(may_import("engine", "ledger") && may_import("api", "engine") && may_import("main", "server"));
    assert!(
        !may_import("ledger", "engine") && !may_import("api", "domain") && !may_import("audit", "engine")
    );
    assert!(!may_import("policy", "crypto") && !may_import("base", "event"));
}

#[test]
fn files_are_short() {
    let long = sources()
        .iter()
        .filter(|source| source.product().len() > LINES_MAX)
        .map(|source| {
            format!(
                "{}: {} lines, {LINES_MAX} at most",
                source.path.display(),
                source.product().len()
            )
        })
        .collect::<Vec<_>>();
    report("files that ask to be two", &long);
}

#[test]
fn nothing_is_left_to_do() {
    let mut left = Vec::new();
    for source in sources() {
        for (index, line) in source.lines.iter().enumerate() {
            if ["todo!(", "dbg!(", "unimplemented!(", "TODO", "FIXME"]
                .iter()
                .any(|word| line.contains(word))
            {
                left.push(source.at(index));
            }
        }
    }
    report("left over", &left);
}

/// The invariants (`I4`) that a text names.
fn invariants(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphanumeric());
    let is_one = |word: &&str| {
        word.strip_prefix('I')
            .is_some_and(|n| !n.is_empty() && n.len() < 3 && n.bytes().all(|b| b.is_ascii_digit()))
    };
    words.filter(is_one).map(str::to_owned).collect()
}

#[test]
fn cited_invariants_exist_in_their_room() {
    let sources = sources();
    let mut wrong = Vec::new();
    for source in &sources {
        // A module's own doc may number its own; else the room's first file does.
        let declares = |other: &&Source| other.room == source.room;
        let declared: BTreeSet<String> = sources
            .iter()
            .filter(declares)
            .flat_map(|other| &other.lines)
            .filter_map(|line| line.strip_prefix("//! "))
            .filter_map(|line| line.split_once("  ").map(|(number, _)| number.to_owned()))
            .collect();
        for (index, line) in source.lines.iter().enumerate() {
            // Another room's invariant is cited with the room's name in front: `event room, I1`.
            let Some(cited) = comment_of(line).filter(|comment| !comment.contains(" room, I")) else {
                continue;
            };
            for number in invariants(cited).difference(&declared) {
                wrong.push(format!("{}: {number} of {}", source.at(index), source.room));
            }
        }
    }
    report("cited and not declared", &wrong);
}

/// A comment, or a reason or message that cites.
fn comment_of(line: &str) -> Option<&str> {
    line.split_once("//")
        .map(|(_, comment)| comment)
        .or_else(|| line.contains("reason = \"").then_some(line))
}

#[test]
fn every_exposed_secret_says_why_it_stays_one() {
    let mut silent = Vec::new();
    for source in sources() {
        let lines = source.product();
        for (index, line) in lines.iter().enumerate() {
            if !code_of(line).contains(".expose()") {
                continue;
            }
            // Above the statement, which rustfmt may have spread over lines.
            let above = &lines[index.saturating_sub(8)..index];
            let close = above.len().saturating_sub(3);
            let says = |line: &String| line.contains("// EXPOSE:");
            let is_one_statement =
                |from: usize| above[from..].iter().all(|line| !line.trim_end().ends_with(';'));
            let spread = above
                .iter()
                .rposition(says)
                .is_some_and(|at| is_one_statement(at + 1));
            if !above[close..].iter().any(says) && !spread {
                silent.push(source.at(index));
            }
        }
    }
    report("secrets exposed without a word", &silent);
}
