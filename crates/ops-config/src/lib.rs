//! The wishes: ops.yaml to core types, with line and column for every complaint.
