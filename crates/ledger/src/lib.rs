//! Merkle tree, checkpoints, proofs, receipts, offline verification.
