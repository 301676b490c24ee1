//! What good files mean.

use crate::{FULL, MINIMAL, good};

#[test]
fn a_full_file_is_taken_over() {
    insta::assert_json_snapshot!(good(FULL));
}

#[test]
fn a_minimal_file_gets_the_defaults() {
    insta::assert_json_snapshot!(good(MINIMAL));
}
