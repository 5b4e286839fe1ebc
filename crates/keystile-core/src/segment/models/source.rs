//! The source, to show that the models leave no ordering out.

use std::collections::BTreeSet;
use std::path::Path;

/// What a line has that orders memory or must be atomic.
const MARKS: [&str; 9] = [
    "Acquire)",
    "Release)",
    "AcqRel)",
    "SeqCst)",
    "fence(",
    "fence_after_rmw(",
    "compare_exchange",
    ".fetch_",
    ".swap(",
];
/// A tally that nothing is read together with.
const ALONE: &str = "tally(";

/// Fails if the crate has a place that orders memory and is not among `places`, which the models came by.
pub(super) fn assert_covered(places: &BTreeSet<(&'static str, u32)>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut missing = Vec::new();
    for (file, text) in files(&root.join("src")) {
        let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let lines = (1u32..).zip(code.lines()).filter(|(_, line)| is_marked(line));
        let left_out =
            lines.filter(|(number, _)| !places.iter().any(|(path, at)| at == number && file.ends_with(path)));
        missing.extend(left_out.map(|(number, line)| format!("{file}:{number}: {}", line.trim())));
    }
    assert!(missing.is_empty(), "no model comes by\n{}", missing.join("\n"));
}

fn is_marked(line: &str) -> bool {
    let line = line.trim();
    let is_code = !line.starts_with("//") && !line.starts_with("use ");
    is_code && !line.contains(ALONE) && MARKS.iter().any(|mark| line.contains(mark))
}

fn files(folder: &Path) -> Vec<(String, String)> {
    // The models' own, and unit tests, are not what is modelled.
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        if path.is_dir() && !["models", "sync", "tests"].iter().any(|other| path.ends_with(other)) {
            found.extend(files(&path));
        } else if name.ends_with(".rs") && !name.ends_with("/sync.rs") {
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}
