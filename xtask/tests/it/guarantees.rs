//! Every guarantee in the README names its tests, and every test that it names exists.

use std::{collections::HashSet, fs, path::Path};

fn functions(folder: &Path, found: &mut HashSet<String>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file is text");
            let names = text.split("fn ").skip(1).map(|rest| {
                rest.chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect::<String>()
            });
            found.extend(names);
        }
    }
}

#[test]
fn every_guarantee_of_the_readme_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace's root");
    let readme = fs::read_to_string(root.join("README.md")).expect("a README");
    let (_, rest) = readme
        .split_once("| guarantee | test |")
        .expect("the table of guarantees");
    let (table, _) = rest.split_once("\n\n").expect("the table's end");
    let mut known = HashSet::new();
    functions(&root.join("crates"), &mut known);
    let mut rows = 0;
    for row in table.lines().skip(2).filter(|line| line.starts_with('|')) {
        let tests: Vec<&str> = row
            .rsplit('|')
            .nth(1)
            .unwrap_or_default()
            .split('`')
            .skip(1)
            .step_by(2)
            .collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for test in tests {
            assert!(known.contains(test), "there is no test {test}: {row}");
        }
        rows += 1;
    }
    assert!(rows >= 20, "only {rows} guarantees were found");
}
