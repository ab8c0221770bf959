//! Notes: drafts, signatures and what is read from them.
