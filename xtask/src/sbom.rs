//! `cargo xtask sbom`: what the `liaison` binary is made of, as CycloneDX 1.5 JSON.
//!
//! Written from `cargo metadata` and the checksums of Cargo.lock: every crate that the binary or one of its build scripts
//! needs, with licence, package URL and hash, and who needs whom. Tests' crates are left out. Features are those of the
//! whole workspace, so a crate may be listed that this binary alone would not need. The text holds no time and no random
//! number: the same lock file gives the same bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

/// The package whose parts are listed.
const ROOT: &str = "liaison";

/// The bill of materials of this workspace.
pub(crate) fn text() -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let asked = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .context("cargo metadata does not start")?;
    ensure!(
        asked.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&asked.stderr).trim()
    );
    let metadata: Value = serde_json::from_slice(&asked.stdout).context("cargo metadata is not JSON")?;
    let root = metadata["workspace_root"].as_str().context("no workspace root")?;
    let lock = std::fs::read_to_string(std::path::Path::new(root).join("Cargo.lock")).context("Cargo.lock")?;
    let bom = bill(&metadata, &checksums(&lock))?;
    Ok(serde_json::to_string_pretty(&bom)? + "\n")
}

/// Name and version to SHA-256, for the crates of a registry.
fn checksums(lock: &str) -> BTreeMap<(String, String), String> {
    let mut found = BTreeMap::new();
    for package in lock.split("[[package]]") {
        let field = |name: &str| {
            let line = package
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \""));
            line.and_then(|rest| rest.strip_suffix('"')).map(str::to_owned)
        };
        if let (Some(name), Some(version), Some(checksum)) = (field("name"), field("version"), field("checksum")) {
            found.insert((name, version), checksum);
        }
    }
    found
}

fn bill(metadata: &Value, checksums: &BTreeMap<(String, String), String>) -> Result<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages: BTreeMap<String, Value> = list(&metadata["packages"])
        .into_iter()
        .map(|package| (word(&package["id"]), package))
        .collect();
    let needs: BTreeMap<String, BTreeSet<String>> = list(&metadata["resolve"]["nodes"])
        .iter()
        .map(|node| {
            let shipped = list(&node["deps"]).into_iter().filter(|dependency| {
                let kinds = list(&dependency["dep_kinds"]);
                kinds.iter().any(|kind| kind["kind"].as_str() != Some("dev"))
            });
            (
                word(&node["id"]),
                shipped.map(|dependency| word(&dependency["pkg"])).collect(),
            )
        })
        .collect();
    let (root, of_root) = packages
        .iter()
        .find(|(_, package)| package["name"] == ROOT)
        .context("the workspace has no package liaison")?;

    let mut reached = BTreeSet::new();
    let mut next = vec![root.clone()];
    while let Some(id) = next.pop() {
        if reached.insert(id.clone()) {
            next.extend(needs.get(&id).into_iter().flatten().cloned());
        }
    }
    let reference = |id: &str| {
        let package = packages.get(id)?;
        Some(format!(
            "pkg:cargo/{}@{}",
            package["name"].as_str()?,
            package["version"].as_str()?
        ))
    };
    let mut components: Vec<Value> = Vec::new();
    let mut dependencies: Vec<Value> = Vec::new();
    for id in &reached {
        let package = packages.get(id).with_context(|| format!("{id} is not described"))?;
        let purl = reference(id).with_context(|| format!("{id} has no name"))?;
        let mut below: Vec<String> = needs[id].iter().filter_map(|id| reference(id)).collect();
        below.sort();
        dependencies.push(json!({"ref": purl, "dependsOn": below}));
        if id == root {
            continue;
        }
        let mut component = json!({
            "type": "library", "bom-ref": purl, "purl": purl,
            "name": package["name"], "version": package["version"],
        });
        if let Some(licence) = package["license"].as_str() {
            // Cargo's old way to write a choice is no SPDX expression.
            component["licenses"] = json!([{"expression": licence.replace('/', " OR ")}]);
        }
        if let Some(description) = package["description"].as_str() {
            component["description"] = description.trim().into();
        }
        if let Some(sum) = checksums.get(&(word(&package["name"]), word(&package["version"]))) {
            component["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
        }
        components.push(component);
    }
    let by = |key: &'static str| move |a: &Value, b: &Value| a[key].as_str().cmp(&b[key].as_str());
    components.sort_by(by("bom-ref"));
    dependencies.sort_by(by("ref"));
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {
            "type": "application", "bom-ref": reference(root), "purl": reference(root),
            "name": ROOT, "version": of_root["version"], "licenses": [{"expression": of_root["license"]}],
        }},
        "components": components,
        "dependencies": dependencies,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bill_lists_what_ships_and_each_reference_leads_somewhere() {
        let written = text().unwrap();
        assert_eq!(written, text().unwrap(), "the same lock file gives the same bytes");
        let bom: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(bom["specVersion"], "1.5");
        let components = bom["components"].as_array().unwrap();
        let named = |name: &str| components.iter().find(|component| component["name"] == name);
        for shipped in ["sqlx", "rustls", "lettre", "liaison-service"] {
            assert!(named(shipped).is_some(), "{shipped}");
        }
        for not_shipped in ["liaison-testkit", "insta", "xtask", "openssl", "openssl-sys"] {
            assert!(named(not_shipped).is_none(), "{not_shipped}");
        }
        assert_eq!(
            named("sqlx").unwrap()["hashes"][0]["content"].as_str().unwrap().len(),
            64
        );
        let mut known: BTreeSet<&str> = components.iter().map(|one| one["bom-ref"].as_str().unwrap()).collect();
        assert_eq!(known.len(), components.len(), "each reference is one component's");
        known.insert(bom["metadata"]["component"]["bom-ref"].as_str().unwrap());
        let dependencies = bom["dependencies"].as_array().unwrap();
        assert_eq!(dependencies.len(), known.len());
        for dependency in dependencies {
            for below in dependency["dependsOn"].as_array().unwrap() {
                assert!(known.contains(below.as_str().unwrap()), "{below}");
            }
        }
        let without: Vec<&Value> = components
            .iter()
            .filter(|one| one["licenses"].is_null())
            .map(|one| &one["name"])
            .collect();
        assert!(without.len() <= 2, "components without a licence: {without:?}");
        assert!(
            !written.contains(env!("CARGO_MANIFEST_DIR")),
            "no path of the machine it was written on"
        );
    }
}
