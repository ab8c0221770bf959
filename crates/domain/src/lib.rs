//! Who and how it is carried: ids, clock, roles, share, evidence ladder, escalation, access. Pure.
