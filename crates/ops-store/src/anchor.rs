//! Anchors: heads of the chain that were published where ops cannot take them back.

use ops_core::id::Digest;
use ops_engine::ports::{Journal, JournalError, Seq, Tampered};

use crate::chain::genesis;

/// Checks the whole chain, and that each anchor (a number and hash that once were the head, as
/// they stand in ticket comments) still is in it. Finds what the chain alone cannot show: an end
/// that was cut off, a journal that was written anew from some record on. Answers the head.
pub fn verify_anchors(
    journal: &dyn Journal,
    anchors: &[(Seq, Digest)],
) -> Result<(Seq, Digest), JournalError> {
    let head = journal.verify()?;
    for (seq, hash) in anchors {
        if *seq > head.0 {
            let why = format!(
                "it was published with hash {hash}, but the journal ends at record {}: its end \
                 was cut off",
                head.0
            );
            return Err(Tampered { seq: *seq, why }.into());
        }
        let found = match seq.checked_sub(1) {
            None => genesis(),
            Some(before) => match journal.after(before, 1)?.pop() {
                Some(record) => record.hash,
                None => genesis(),
            },
        };
        if found != *hash {
            let why = format!("it was published with hash {hash} and now has {found}");
            return Err(Tampered { seq: *seq, why }.into());
        }
    }
    Ok(head)
}
