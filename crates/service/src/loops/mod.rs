//! The closed loop: share, open, acknowledge, decline, redirect, recall, escalate, deliver. One act is one file.

pub mod acknowledge;
pub mod open_share;
pub mod decline;
pub mod redirect;
pub mod recall;
pub mod call_task;
pub mod hold;
pub mod mis_send;
pub mod reply;
pub(crate) mod change;
pub mod message;
mod relation;
pub mod share_note;
pub(crate) mod who;

pub use share_note::{NewQuestion, NewRecipient, ReleaseCheck, ShareNote, Shared, VerbalCommunication};

pub(crate) use change::{Fact, apply};
