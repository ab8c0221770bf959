//! What a note says: content types, units, limits, validation, computed values. Pure.
