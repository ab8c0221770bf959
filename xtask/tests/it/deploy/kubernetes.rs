//! The Kubernetes manifests: what their schemas cannot say.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{documents, list};

/// Seconds in which a process ends by itself after SIGTERM (`crates/server/src/lifecycle.rs`).
const ENDS_WITHIN: i64 = 30;

fn objects() -> Vec<Value> {
    let mut documents = documents("deploy/kubernetes/liaison.yaml");
    assert_eq!(
        documents.len(),
        1,
        "anchors do not reach from one document into the next"
    );
    list(&documents.remove(0)["items"]).to_vec()
}

fn of<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// Every object that makes pods, with the pods' template.
fn workloads(objects: &[Value]) -> Vec<(&Value, &Value)> {
    let found: Vec<_> = objects
        .iter()
        .filter(|object| object["kind"] == "Deployment" || object["kind"] == "Job")
        .map(|object| (object, &object["spec"]["template"]))
        .collect();
    assert_eq!(found.len(), 3, "serve, worker and migrate");
    found
}

fn containers(template: &Value) -> Vec<&Value> {
    let spec = &template["spec"];
    let all: Vec<_> = list(&spec["initContainers"])
        .iter()
        .chain(list(&spec["containers"]))
        .collect();
    assert!(all.len() >= 2, "the keys' and its own");
    all
}

/// Whether a selector of labels takes in an object with these labels. An empty one takes in all.
fn selects(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.get("matchLabels").unwrap_or(selector).as_object();
    wanted.is_none_or(|wanted| wanted.iter().all(|(key, value)| labels[key] == *value))
}

#[test]
fn every_selector_finds_its_pods_and_no_others() {
    let objects = objects();
    let workloads = workloads(&objects);
    for (object, template) in &workloads {
        let selector = &object["spec"]["selector"];
        assert!(
            selects(selector, &template["metadata"]["labels"]),
            "{}",
            object["metadata"]["name"]
        );
        for spread in list(&template["spec"]["topologySpreadConstraints"]) {
            assert_eq!(spread["labelSelector"], *selector, "spread over its own pods");
        }
    }
    let component = |selector: &Value| -> Vec<&str> {
        let found = workloads
            .iter()
            .filter(|(_, pods)| selects(selector, &pods["metadata"]["labels"]));
        found
            .filter_map(|(object, _)| object["metadata"]["name"].as_str())
            .collect()
    };
    for budget in of(&objects, "PodDisruptionBudget") {
        let name = budget["metadata"]["name"].as_str().unwrap();
        assert_eq!(component(&budget["spec"]["selector"]), [name]);
        let replicas = of(&objects, "Deployment")
            .into_iter()
            .find(|found| found["metadata"]["name"] == name)
            .and_then(|found| found["spec"]["replicas"].as_i64());
        assert!(
            replicas > budget["spec"]["minAvailable"].as_i64(),
            "{name}: a node could never be emptied"
        );
    }
    for (name, wanted) in [
        ("deny", &["liaison-migrate", "liaison-serve", "liaison-worker"][..]),
        ("liaison", &["liaison-migrate", "liaison-serve", "liaison-worker"]),
        ("liaison-serve", &["liaison-serve"]),
        ("liaison-worker", &["liaison-worker"]),
    ] {
        let policy = of(&objects, "NetworkPolicy")
            .into_iter()
            .find(|policy| policy["metadata"]["name"] == name)
            .unwrap_or_else(|| panic!("no policy {name}"));
        assert_eq!(component(&policy["spec"]["podSelector"]), wanted, "{name}");
    }
    assert_eq!(
        component(&of(&objects, "Service")[0]["spec"]["selector"]),
        ["liaison-serve"]
    );
}

#[test]
fn nothing_is_reached_that_no_policy_names() {
    let objects = objects();
    let policies = of(&objects, "NetworkPolicy");
    let deny = policies
        .iter()
        .find(|policy| policy["metadata"]["name"] == "deny")
        .unwrap();
    assert_eq!(deny["spec"]["podSelector"], serde_json::json!({}));
    assert_eq!(deny["spec"]["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
    assert!(deny["spec"]["ingress"].is_null() && deny["spec"]["egress"].is_null());
    for policy in policies {
        let rules = ["ingress", "egress"].map(|side| list(&policy["spec"][side]));
        for rule in rules.concat() {
            assert!(
                !list(&rule["ports"]).is_empty(),
                "a rule without ports opens all: {rule}"
            );
            let peers = [list(&rule["from"]), list(&rule["to"])].concat();
            assert!(!peers.is_empty(), "a rule without peers opens all: {rule}");
            for peer in peers.iter().filter(|peer| peer["ipBlock"]["cidr"] == "0.0.0.0/0") {
                let except: BTreeSet<_> = list(&peer["ipBlock"]["except"])
                    .iter()
                    .filter_map(Value::as_str)
                    .collect();
                for inside in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"] {
                    assert!(except.contains(inside), "{inside} is reached from outside calls");
                }
            }
        }
    }
}

#[test]
fn every_container_is_bound() {
    let objects = objects();
    for (object, template) in workloads(&objects) {
        let name = &object["metadata"]["name"];
        let spec = &template["spec"];
        assert_eq!(spec["automountServiceAccountToken"], false, "{name}");
        assert_eq!(spec["enableServiceLinks"], false, "{name}");
        assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{name}");
        assert!(spec["securityContext"]["runAsUser"].as_i64() > Some(0), "{name}");
        assert_eq!(
            spec["securityContext"]["seccompProfile"]["type"], "RuntimeDefault",
            "{name}"
        );
        for unwanted in ["hostNetwork", "hostPID", "hostIPC"] {
            assert!(spec[unwanted].is_null(), "{name}: {unwanted}");
        }
        for volume in list(&spec["volumes"]) {
            assert!(volume["hostPath"].is_null(), "{name}: {volume}");
        }
        for container in containers(template) {
            let context = &container["securityContext"];
            assert_eq!(context["readOnlyRootFilesystem"], true, "{name}: {container}");
            assert_eq!(context["allowPrivilegeEscalation"], false, "{name}: {container}");
            assert_eq!(context["capabilities"]["drop"], serde_json::json!(["ALL"]), "{name}");
            for bound in [
                "/resources/requests/cpu",
                "/resources/requests/memory",
                "/resources/limits/memory",
            ] {
                assert!(container.pointer(bound).is_some(), "{name}: no {bound}: {container}");
            }
            // Secrets come from files of a Secret: none by value, none in the environment, where children inherit it.
            let variables = list(&container["env"]);
            assert!(container["envFrom"].is_null(), "{name}");
            assert!(
                variables.iter().all(|one| one["name"] == "LIAISON_CONFIG"),
                "{name}: {variables:?}"
            );
        }
    }
    assert!(of(&objects, "Secret").is_empty(), "a secret is not written down here");
}

#[test]
fn probes_ask_the_monitor_and_the_end_is_awaited() {
    let objects = objects();
    for deployment in of(&objects, "Deployment") {
        let name = &deployment["metadata"]["name"];
        let spec = &deployment["spec"]["template"]["spec"];
        let container = &spec["containers"][0];
        for (probe, path) in [
            ("startupProbe", "/healthz"),
            ("livenessProbe", "/healthz"),
            ("readinessProbe", "/readyz"),
        ] {
            let asked = &container[probe]["httpGet"];
            assert_eq!(asked["path"], path, "{name}: {probe}");
            assert_eq!(asked["port"], "monitor", "{name}: {probe}");
        }
        let ports: Vec<_> = list(&container["ports"]).iter().map(|port| &port["name"]).collect();
        assert!(ports.iter().any(|port| **port == "monitor"), "{name}: {ports:?}");
        let sleeps = container["lifecycle"]["preStop"]["exec"]["command"][1]
            .as_str()
            .map_or(0, |seconds| seconds.parse().unwrap());
        let grace = spec["terminationGracePeriodSeconds"].as_i64().unwrap();
        assert!(grace > ENDS_WITHIN + sleeps, "{name} is killed before it has ended");
        assert!(
            list(&spec["topologySpreadConstraints"]).len() == 2,
            "{name}: over nodes and zones"
        );
    }
}

#[test]
fn the_database_is_migrated_before_processes_meet_it() {
    let objects = objects();
    let job = of(&objects, "Job")[0];
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["args"], serde_json::json!(["migrate"]));
    // The order is that of the labels in the head of the file: all that a Job needs, the Job, the processes.
    let label = |object: &Value| object["metadata"]["labels"]["app.kubernetes.io/component"].clone();
    for object in &objects {
        let wanted = match object["kind"].as_str().unwrap() {
            "Job" => &["migrate"][..],
            "Deployment" => &["serve", "worker"],
            _ => &["base"],
        };
        let found = label(object);
        assert!(found.as_str().is_some_and(|found| wanted.contains(&found)), "{object}");
    }
    let images: BTreeSet<_> = workloads(&objects)
        .into_iter()
        .flat_map(|(_, template)| containers(template))
        .map(|container| container["image"].as_str().unwrap())
        .collect();
    assert_eq!(images.len(), 1, "one version everywhere: {images:?}");
}
