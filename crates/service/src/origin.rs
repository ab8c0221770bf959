//! Which request a delivery comes from: its id and its trace, kept in the delivery's row and taken up where it is sent,
//! so that a job's lines and spans lead back to what a person did. A row without them is sent like any other.
//!
//! How traces are made and exported is the caller's ([`Origins`]); the use cases only carry two short texts, and neither
//! holds PHI.

use std::fmt::Debug;

use liaison_store::deliveries::DeliveryRow;
use tracing::{Span, field::Empty};

use crate::{
    Service,
    channel::{SendOutcome, SendReport},
};

/// What led to a delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The request's id, as the ledger's entries have it.
    pub request_id: Option<String>,
    /// The trace and the span within it, as a W3C traceparent (55 characters).
    pub trace: Option<String>,
}

/// Knows the request that is being worked on here, and joins a later span to its trace.
pub trait Origins: Debug + Send + Sync {
    /// The request of the current span; empty in a timer's work.
    fn current(&self) -> Origin;

    /// Makes a span that was not entered yet part of a trace. A text that is no traceparent changes nothing.
    fn join(&self, span: &Span, trace: &str);
}

/// Nobody knows: for commands and tests.
#[derive(Debug)]
pub struct NoOrigins;

impl Origins for NoOrigins {
    fn current(&self) -> Origin {
        Origin::default()
    }

    fn join(&self, _: &Span, _: &str) {}
}

impl Service {
    /// What leads to the deliveries that are planned now.
    pub(crate) fn origin(&self) -> Origin {
        self.settings().origins.current()
    }

    /// The span of one attempt: of the request's trace where it has one, and linked to the job that sends it.
    pub(crate) fn attempt_span(&self, row: &DeliveryRow, attempt: u32) -> Span {
        let span = tracing::info_span!(
            "delivery",
            delivery_id = %row.id,
            share_id = row.share_id.map(tracing::field::display),
            request_id = row.request_id,
            channel = %row.channel,
            attempt,
            outcome = Empty,
            status = Empty,
        );
        if let Some(trace) = &row.trace {
            span.follows_from(Span::current());
            self.settings().origins.join(&span, trace);
        }
        span
    }
}

/// Writes into the current span what came of an attempt.
pub(crate) fn note_outcome(report: &SendReport) {
    let span = Span::current();
    span.record(
        "outcome",
        match report.outcome {
            SendOutcome::Delivered(_) => "delivered",
            SendOutcome::Permanent { .. } => "permanent",
            SendOutcome::Transient { .. } => "transient",
            SendOutcome::Unknown => "unknown",
        },
    );
    if let Some(status) = report.status {
        span.record("status", status);
    }
    tracing::debug!("an attempt ended");
}
