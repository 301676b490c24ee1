//! The suite that every target is run through.

ops_conformance::suite!(crate::stand::Stand::new());
