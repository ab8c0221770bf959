//! Limits on a document, applied before validation and execution. Costs that depend on the schema (complexity)
//! are not known here.
//!
//! Each fragment is weighed once and its weight is added at every spread, so that fragments which double each
//! other sixteen times over are counted in full without being walked in full.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use async_graphql::parser::parse_query;
use async_graphql::parser::types::{
    Directive, DocumentOperations, ExecutableDocument, OperationDefinition, OperationType, Selection, SelectionSet,
};
use async_graphql::{Name, Pos, Positioned};

use super::error::{ErrorCode, Refusal};
use super::scan::scan;
use super::settings::DocumentLimits;

/// Lists within lists in an introspection query, as in `types { fields { type { fields ...`: the standard query
/// needs one, each further one multiplies the answer by the size of the schema.
const MAX_INTROSPECTION_LISTS: usize = 2;

/// A document within the limits, and the kind of the operation that will run.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) document: ExecutableDocument,
    pub(crate) kind: OperationType,
}

/// Parses and weighs a query.
///
/// # Errors
///
/// The code of the first limit it breaks, or of the syntax error.
pub(crate) fn check(
    query: &str,
    operation_name: Option<&str>,
    limits: &DocumentLimits,
    introspection: bool,
) -> Result<Checked, Refusal> {
    scan(query, limits)?;
    let document = parse(query)?;
    if document.fragments.len() > limits.max_fragments {
        return Err(Refusal::new(
            ErrorCode::FragmentLimit,
            format!("a query may define at most {} fragments", limits.max_fragments),
        ));
    }
    let kind = chosen(&document.operations, operation_name)?.ty;
    Scales::new(&document, limits).weigh(introspection)?;
    Ok(Checked { document, kind })
}

fn parse(query: &str) -> Result<ExecutableDocument, Refusal> {
    let refusal = Refusal::new(ErrorCode::ParseFailed, "the query is not a GraphQL document");
    // The parser panics on an escape such as "\uD800", which is no character.
    match catch_unwind(AssertUnwindSafe(|| parse_query(query))) {
        Ok(Ok(document)) => Ok(document),
        // Its message quotes the line at fault, so only the place is passed on.
        Ok(Err(error)) => Err(match error.positions().next() {
            Some(position) => refusal.at(position),
            None => refusal,
        }),
        Err(_) => Err(refusal),
    }
}

fn chosen<'a>(operations: &'a DocumentOperations, name: Option<&str>) -> Result<&'a OperationDefinition, Refusal> {
    let not_found = || Refusal::new(ErrorCode::OperationNotFound, "the query has no operation of that name");
    match (operations, name) {
        (DocumentOperations::Single(operation), None) => Ok(&operation.node),
        (DocumentOperations::Single(_), Some(_)) => Err(not_found()),
        (DocumentOperations::Multiple(map), Some(name)) => map.get(name).map(|op| &op.node).ok_or_else(not_found),
        (DocumentOperations::Multiple(map), None) => match map.values().next() {
            Some(operation) if map.len() == 1 => Ok(&operation.node),
            _ => Err(Refusal::new(
                ErrorCode::OperationNameRequired,
                "the query has several operations; say which by operationName",
            )),
        },
    }
}

/// What a selection set asks for, with its fragments spread.
#[derive(Clone, Copy, Debug, Default)]
struct Weight {
    depth: usize,
    fields: usize,
    aliases: usize,
    /// Fields of the set itself.
    roots: usize,
    /// Introspection lists within each other.
    lists: usize,
    introspection_at: Option<Pos>,
}

impl Weight {
    fn beside(self, other: Self) -> Self {
        Self {
            depth: self.depth.max(other.depth),
            fields: self.fields.saturating_add(other.fields),
            aliases: self.aliases.saturating_add(other.aliases),
            roots: self.roots.saturating_add(other.roots),
            lists: self.lists.max(other.lists),
            introspection_at: self.introspection_at.or(other.introspection_at),
        }
    }
}

enum Fragment {
    /// Being weighed: a spread that meets it closes a circle.
    Open,
    Weighed(Weight),
}

struct Scales<'a> {
    document: &'a ExecutableDocument,
    limits: &'a DocumentLimits,
    fragments: HashMap<&'a Name, Fragment>,
}

impl<'a> Scales<'a> {
    fn new(document: &'a ExecutableDocument, limits: &'a DocumentLimits) -> Self {
        Self {
            document,
            limits,
            fragments: HashMap::new(),
        }
    }

    fn weigh(mut self, introspection: bool) -> Result<(), Refusal> {
        // Unused fragments too: the validator walks them as well.
        for (name, definition) in &self.document.fragments {
            self.fragment(name, definition.pos)?;
        }
        let mut total = Weight::default();
        for (_, operation) in self.document.operations.iter() {
            self.directives(&operation.node.directives)?;
            for variable in &operation.node.variable_definitions {
                self.directives(&variable.node.directives)?;
            }
            let weight = self.selections(&operation.node.selection_set.node)?;
            if weight.roots > self.limits.max_root_fields {
                return Err(Refusal::new(
                    ErrorCode::RootFieldLimit,
                    format!(
                        "an operation may have at most {} fields at its root",
                        self.limits.max_root_fields
                    ),
                )
                .at(operation.pos));
            }
            total = total.beside(weight);
        }
        if let (false, Some(position)) = (introspection, total.introspection_at) {
            return Err(Refusal::new(
                ErrorCode::IntrospectionDisabled,
                "introspection is switched off here; the schema is published as schema.graphql",
            )
            .at(position));
        }
        self.within(&total)
    }

    fn within(&self, total: &Weight) -> Result<(), Refusal> {
        let limits = self.limits;
        let refuse = |code, message| Err(Refusal::new(code, message));
        if total.depth > limits.max_depth {
            return refuse(
                ErrorCode::DepthLimit,
                format!("fields may be nested at most {} levels deep", limits.max_depth),
            );
        }
        if total.fields > limits.max_fields {
            return refuse(
                ErrorCode::FieldLimit,
                format!(
                    "a query may select at most {} fields, fragments included",
                    limits.max_fields
                ),
            );
        }
        if total.aliases > limits.max_aliases {
            return refuse(
                ErrorCode::AliasLimit,
                format!(
                    "a query may use at most {} aliases, fragments included",
                    limits.max_aliases
                ),
            );
        }
        Ok(())
    }

    fn fragment(&mut self, name: &'a Name, spread_at: Pos) -> Result<Weight, Refusal> {
        match self.fragments.get(name) {
            Some(Fragment::Weighed(weight)) => return Ok(*weight),
            Some(Fragment::Open) => {
                return Err(Refusal::new(
                    ErrorCode::FragmentCycle,
                    "a fragment contains itself, directly or through others",
                )
                .at(spread_at));
            }
            None => {}
        }
        // A fragment that is not defined is the validator's to report.
        let Some(definition) = self.document.fragments.get(name) else {
            return Ok(Weight::default());
        };
        self.fragments.insert(name, Fragment::Open);
        self.directives(&definition.node.directives)?;
        let weight = self.selections(&definition.node.selection_set.node)?;
        self.fragments.insert(name, Fragment::Weighed(weight));
        Ok(weight)
    }

    fn selections(&mut self, set: &'a SelectionSet) -> Result<Weight, Refusal> {
        let mut total = Weight::default();
        for item in &set.items {
            self.directives(item.node.directives())?;
            let weight = match &item.node {
                Selection::Field(field) => {
                    let inner = self.selections(&field.node.selection_set.node)?;
                    let name = field.node.name.node.as_str();
                    let introspects = matches!(name, "__schema" | "__type");
                    if introspects && inner.lists > MAX_INTROSPECTION_LISTS {
                        return Err(Refusal::new(
                            ErrorCode::IntrospectionDepthLimit,
                            format!(
                                "introspection may follow at most {MAX_INTROSPECTION_LISTS} lists within each other"
                            ),
                        )
                        .at(field.pos));
                    }
                    let is_list = matches!(name, "fields" | "inputFields" | "interfaces" | "possibleTypes");
                    Weight {
                        depth: inner.depth.saturating_add(1),
                        fields: inner.fields.saturating_add(1),
                        aliases: inner.aliases.saturating_add(usize::from(field.node.alias.is_some())),
                        roots: 1,
                        lists: inner.lists.saturating_add(usize::from(is_list)),
                        introspection_at: introspects.then_some(field.pos).or(inner.introspection_at),
                    }
                }
                Selection::InlineFragment(inline) => self.selections(&inline.node.selection_set.node)?,
                Selection::FragmentSpread(spread) => self.fragment(&spread.node.fragment_name.node, spread.pos)?,
            };
            total = total.beside(weight);
        }
        Ok(total)
    }

    fn directives(&self, directives: &[Positioned<Directive>]) -> Result<(), Refusal> {
        match directives.first() {
            Some(first) if directives.len() > self.limits.max_directives => Err(Refusal::new(
                ErrorCode::DirectiveLimit,
                format!(
                    "at most {} directives may stand at one place",
                    self.limits.max_directives
                ),
            )
            .at(first.pos)),
            _ => Ok(()),
        }
    }
}
