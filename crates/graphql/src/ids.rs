//! Typed ids in and out: `ID` in the schema, a kind's own id in Rust. A text that is no id of the wanted kind is a
//! problem that names its argument.

use async_graphql::ID;
use liaison_domain::ids::TypedId;
use liaison_service::{FieldProblem, ServiceError};

/// The id as the schema shows it.
pub(crate) fn shown<T: TypedId>(id: T) -> ID {
    ID(id.to_string())
}

/// The id that an argument of a query names.
///
/// # Errors
///
/// `Invalid`, naming the argument and the kind that is expected.
pub(crate) fn parse<T: TypedId>(argument: &str, id: &ID) -> Result<T, ServiceError> {
    let mut ids = Ids::default();
    let parsed = ids.one(argument, id);
    ids.done().map(|()| parsed)
}

/// Parses the ids of an input, and keeps every problem.
#[derive(Default)]
pub(crate) struct Ids(Vec<FieldProblem>);

impl Ids {
    /// The id at `path`. A wrong one gives a placeholder and is refused by [`Ids::done`].
    pub(crate) fn one<T: TypedId>(&mut self, path: impl Into<String>, id: &ID) -> T {
        id.0.parse().unwrap_or_else(|problem: liaison_domain::InvalidId| {
            self.0.push(FieldProblem::new(path, "INVALID_ID", problem.to_string()));
            T::from_uuid(Default::default())
        })
    }

    /// The id at `path`, where one is given.
    pub(crate) fn maybe<T: TypedId>(&mut self, path: impl Into<String>, id: Option<&ID>) -> Option<T> {
        id.map(|id| self.one(path, id))
    }

    /// The ids of a list at `path`.
    pub(crate) fn all<T: TypedId>(&mut self, path: &str, ids: &[ID]) -> Vec<T> {
        ids.iter()
            .enumerate()
            .map(|(index, id)| self.one(format!("{path}[{index}]"), id))
            .collect()
    }

    /// Adds a problem of another kind.
    pub(crate) fn problem(&mut self, problem: FieldProblem) {
        self.0.push(problem);
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// `Invalid` with every problem.
    pub(crate) fn done(self) -> Result<(), ServiceError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(ServiceError::Invalid(self.0))
        }
    }
}
