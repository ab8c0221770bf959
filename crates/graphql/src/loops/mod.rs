//! Shares and their loops in the schema: what is asked of whom, what is proven, and the acts that close a loop.

pub(crate) mod acknowledge;
pub(crate) mod call_task;
pub(crate) mod delivery;
pub(crate) mod open_share;
pub(crate) mod parts;
pub(crate) mod recipient;
pub(crate) mod recipient_acts;
pub(crate) mod share;
pub(crate) mod share_note;
