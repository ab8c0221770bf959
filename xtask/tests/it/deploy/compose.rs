//! The compose file: what a schema cannot say.

use serde_json::Value;

use super::{documents, list};

#[test]
fn every_container_is_bound_and_the_database_is_inside() {
    let compose = documents("deploy/container/compose.yaml").remove(0);
    let services = compose["services"].as_object().unwrap();
    for (name, service) in services {
        if service["image"].as_str().unwrap().contains("postgres:") {
            // Its own start changes the owner of its files, so that it keeps its capabilities, and is reached by nobody.
            assert_eq!(service["networks"], serde_json::json!(["inside"]), "{name}");
            assert!(service["ports"].is_null(), "{name}");
            continue;
        }
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], serde_json::json!(["ALL"]), "{name}");
        assert_eq!(
            service["security_opt"],
            serde_json::json!(["no-new-privileges:true"]),
            "{name}"
        );
        assert!(
            service["ports"].is_null() || name == "proxy",
            "{name}: only the proxy is reached from outside"
        );
    }
    assert_eq!(compose["networks"]["inside"]["internal"], true);
    for name in ["liaison", "worker"] {
        let service = &services[name];
        let waits = &service["depends_on"]["migrate"]["condition"];
        assert_eq!(waits, "service_completed_successfully", "{name}");
        assert_eq!(
            service["stop_grace_period"], "40s",
            "{name}: longer than the 30 s of a process"
        );
        let secrets: Vec<&str> = list(&service["secrets"]).iter().filter_map(Value::as_str).collect();
        assert_eq!(secrets, ["database_url"], "{name}");
    }
    assert_eq!(
        services["proxy"]["depends_on"]["liaison"]["condition"],
        "service_healthy"
    );
}
