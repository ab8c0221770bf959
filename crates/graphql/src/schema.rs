//! The schema: every area's queries and mutations put together, and its text.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, MergedObject, Object, Result, Schema, SchemaBuilder, Value};
use liaison_service::Service;

use crate::Recorded;
use crate::http::{Authenticate, GraphQlConfig, GraphQlSettings, MAX_COMPLEXITY, MAX_RECURSIVE_DEPTH};
use crate::session::asking;
use crate::watch::Subscription;
use crate::{audit, directory, lists, loops, notes, patients};

/// Queries.
#[derive(MergedObject, Default)]
pub struct Query(
    NodeQuery,
    DirectoryQueries,
    ClinicalQueries,
    LoopQueries,
    WorkQueries,
    AuditQueries,
);

/// Mutations.
#[derive(MergedObject, Default)]
pub struct Mutation(
    DirectoryMutations,
    PeopleMutations,
    ClinicalMutations,
    LoopMutations,
    WorkMutations,
);

// Merged in groups: one long chain would nest the futures too deep for the compiler's default limit.

/// The directory's queries.
#[derive(MergedObject, Default)]
struct DirectoryQueries(directory::DirectoryQuery, directory::policy::PolicyQuery);

/// Queries of patients and notes.
#[derive(MergedObject, Default)]
struct ClinicalQueries(patients::PatientQuery, patients::LegalHoldQuery, notes::NoteQuery);

/// Queries of shares.
#[derive(MergedObject, Default)]
struct LoopQueries(loops::share::ShareQuery, loops::share_note::ReleaseQuery);

/// Work lists.
#[derive(MergedObject, Default)]
struct WorkQueries(
    lists::board::BoardQuery,
    lists::inbox::InboxQuery,
    lists::calls::CallTaskQuery,
    lists::notices::NoticeQuery,
    lists::holds::HoldQuery,
    lists::mis_sends::MisSendQuery,
    lists::deliveries::DeliveryQuery,
);

/// The audit's queries.
#[derive(MergedObject, Default)]
struct AuditQueries(
    audit::entries::AuditQuery,
    audit::disclosures::DisclosureQuery,
    audit::timeliness::TimelinessQuery,
    audit::proofs::ProofQuery,
);

/// Changes to organizations and what belongs to them.
#[derive(MergedObject, Default)]
struct DirectoryMutations(
    directory::organization::OrganizationMutation,
    directory::team::TeamMutation,
    directory::endpoint::EndpointMutation,
    directory::policy::PolicyMutation,
);

/// Changes to people.
#[derive(MergedObject, Default)]
struct PeopleMutations(
    directory::person::PersonMutation,
    directory::membership::MembershipMutation,
    directory::coverage::CoverageMutation,
    directory::token::TokenMutation,
);

/// Changes to patients and notes.
#[derive(MergedObject, Default)]
struct ClinicalMutations(
    patients::PatientMutation,
    patients::CareTeamMutation,
    patients::RestrictionMutation,
    patients::LegalHoldMutation,
    notes::DraftMutation,
    notes::SignMutation,
);

/// The acts of the loop.
#[derive(MergedObject, Default)]
struct LoopMutations(
    loops::share_note::ShareMutation,
    loops::open_share::OpenMutation,
    loops::acknowledge::AcknowledgeMutation,
    loops::recipient_acts::RecipientMutation,
    loops::call_task::CallTaskMutation,
);

/// Working lists off.
#[derive(MergedObject, Default)]
struct WorkMutations(
    lists::replies::ReplyMutation,
    lists::notices::NoticeMutation,
    lists::holds::HoldMutation,
    lists::mis_sends::MisSendMutation,
    lists::deliveries::DeliveryMutation,
);

/// The whole schema.
pub type LiaisonSchema = Schema<Query, Mutation, Subscription>;

/// The schema over the use cases, with limits on cost and depth.
#[must_use]
pub fn schema(service: Service, settings: &GraphQlSettings) -> LiaisonSchema {
    let built = builder()
        .data(service)
        .limit_complexity(MAX_COMPLEXITY)
        .limit_recursive_depth(MAX_RECURSIVE_DEPTH)
        .limit_depth(settings.limits.max_depth);
    if settings.introspection {
        built
    } else {
        built.disable_introspection()
    }
    .finish()
}

/// The GraphQL routes over the use cases, with readings recorded.
///
/// Not generic on purpose: the schema's machinery is large, and a caller that names its type compiles all of it again.
pub fn routes(service: &Service, config: GraphQlConfig, authenticate: Arc<dyn Authenticate>) -> axum::Router {
    let schema = Recorded::new(schema(service.clone(), &config.settings), service.clone());
    crate::http::router(schema, config, authenticate)
}

/// The schema's text, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    builder().finish().sdl()
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription)
}

/// Anything with an id of its own, for `node`.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "The typed id, such as `share_01h2xcejqtf2nbrexx3vqjhp41`."
))]
#[expect(clippy::large_enum_variant, reason = "one at a time, never in a list")]
pub(crate) enum Node {
    /// An organization.
    Organization(directory::organization::Organization),
    /// A team.
    Team(directory::team::Team),
    /// A person.
    Person(directory::person::Person),
    /// An endpoint.
    Endpoint(directory::endpoint::Endpoint),
    /// An absence with who covers it.
    Coverage(directory::coverage::Coverage),
    /// A patient.
    Patient(patients::Patient),
    /// A note.
    Note(notes::Note),
    /// A signed version of a note.
    NoteVersion(notes::NoteVersion),
    /// A share.
    Share(loops::share::Share),
    /// A loop.
    Recipient(loops::recipient::Recipient),
}

/// Looking things up by their id alone.
#[derive(Default)]
pub(crate) struct NodeQuery;

#[Object]
impl NodeQuery {
    /// Anything by its id. Null when there is none, or it is not for you: the two look alike.
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The typed id.")] id: ID) -> Result<Option<Node>> {
        asking(ctx)?;
        Ok(match id.0.split_once('_').map(|(kind, _)| kind) {
            Some("org") => directory::organization::by_id(ctx, &id).await?.map(Node::Organization),
            Some("team") => directory::team::by_id(ctx, &id).await?.map(Node::Team),
            Some("user") => directory::person::by_id(ctx, &id).await?.map(Node::Person),
            Some("endpoint") => directory::endpoint::by_id(ctx, &id).await?.map(Node::Endpoint),
            Some("coverage") => directory::coverage::by_id(ctx, &id).await?.map(Node::Coverage),
            Some("patient") => found(patients::by_id(ctx, &id).await)?.map(Node::Patient),
            Some("note") => found(notes::by_id(ctx, &id).await)?.map(Node::Note),
            Some("notever") => notes::version_by_id(ctx, &id).await?.map(Node::NoteVersion),
            Some("share") => found(loops::share::by_id(ctx, &id).await)?.map(Node::Share),
            Some("recipient") => loops::recipient::by_id(ctx, &id).await?.map(Node::Recipient),
            _ => None,
        })
    }
}

/// Turns "not found" into nothing, as Relay's `node` answers.
fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
            if code == Some(&Value::from("NOT_FOUND")) {
                Ok(None)
            } else {
                Err(error)
            }
        }
    }
}
