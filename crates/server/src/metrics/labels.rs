//! Label sets. Every value comes from a value set of the code, a route of the router or a field of the schema.

use prometheus_client::encoding::EncodeLabelSet;

macro_rules! labels {
    ($($name:ident { $($label:ident: $type:ty),* })*) => {$(
        #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        pub(super) struct $name { $(pub(super) $label: $type),* }
    )*};
}

labels! {
    ByRequest { method: &'static str, route: String, status: &'static str }
    ByRoute { route: String }
    ByOperation { operation: String }
    ByOperationOutcome { operation: String, outcome: &'static str }
    ByChannel { channel: String }
    ByAttempt { channel: String, outcome: &'static str }
    ByPool { pool: &'static str }
    ByQueue { queue: &'static str }
    ByUrgency { urgency: &'static str }
    ByLevel { level: String, urgency: &'static str }
}
