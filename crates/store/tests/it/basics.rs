//! Every statement is known, and understood by both engines.

use std::{collections::BTreeSet, path::Path};

use liaison_testkit::both_engines;

both_engines! {
    async fn every_statement_is_understood(app: App) {
        let errors = app.service.store().check_statements().await.expect("the database answers");
        assert!(errors.is_empty(), "{}", errors.iter().map(|error| format!("{error}\n")).collect::<String>());
    }
}

#[test]
fn every_module_with_statements_is_listed() {
    let listed: BTreeSet<String> = liaison_store::statements()
        .iter()
        .map(|sql| {
            sql.name
                .rsplit_once("::")
                .expect("a module before the name")
                .0
                .to_owned()
        })
        .collect();
    let mut found = BTreeSet::new();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        "liaison_store",
        &mut found,
    );
    assert!(found.len() > 8, "the walk found only {found:?}");
    let missing: Vec<_> = found.difference(&listed).collect();
    assert!(
        missing.is_empty(),
        "their statements are not in statements(): {missing:?}"
    );
}

#[test]
fn names_of_statements_are_unique() {
    let mut seen = BTreeSet::new();
    for sql in liaison_store::statements() {
        assert!(seen.insert(sql.name), "{} is listed twice", sql.name);
    }
}

fn collect(folder: &Path, module: &str, found: &mut BTreeSet<String>) {
    for file in std::fs::read_dir(folder).expect("the sources are readable") {
        let path = file.expect("an entry of the folder").path();
        let stem = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            collect(&path, &format!("{module}::{stem}"), found);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("the file is text");
        // The macro's own home declares none.
        let declares = text.contains("\nsql! {") || text.contains("const STATEMENTS: &[Sql]");
        if declares && module != "liaison_store::tasks" {
            let name = if stem == "mod" || stem == "lib" {
                module.to_owned()
            } else {
                format!("{module}::{stem}")
            };
            found.insert(name);
        }
    }
}
