//! Reports at times that some clock shows.

use super::{Rules, path, windows::zone_exists};

pub(super) fn check(rules: &mut Rules<'_, '_>) {
    for report in ["daily", "metrics"] {
        let place = path(["reports", report]);
        if let Some(node) = rules.root.at(&place) {
            zone_exists(rules, node, &place);
        }
    }
}
