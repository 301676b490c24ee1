//! A history that was edited, shortened or never written.

#[rustfmt::skip]
pub(super) const ROWS: &[super::Row] = &[
    ("a verdict edited from fail to pass", "in-qa » quinn: QA FAIL » quinn> rfp » #edit 1 QA PASS", "history"),
    ("a verdict that got a tail", "ready » #edit 1 ## QA PASS\n\nall, surely", "history"),
    ("a comment removed", "ready » quinn: QA FAIL » #remove 2", "history"),
    ("an earlier comment removed", "ready » #remove 0", "history"),
    ("another author put in", "ready » #author 1 carl", "history"),
    ("two comments swapped", "ready » #swap", "history"),
    ("a comment's history entry lost", "ready » #lose 3", "history"),
    ("a comment that the history does not tell of", "ready » #slip", "history"),
    ("a move that cannot be read", "ready » #details 2 Status: review", "history"),
    ("moves that do not follow each other", "ready » #details 4 Status: blocked → in-qa", "history"),
    ("a last move to another place", "ready » #details 6 Status: in-qa → completed", "bad entry in-qa completed"),
    ("the move to rfp lost", "ready » #lose 6", "bad entry in-review in-qa"),
    ("the move to QA lost", "ready » #lose 4", "history"),
    ("the status set behind the history", "in-qa » quinn: QA PASS » #status rfp", "bad entry in-review in-qa"),
    ("all moves before review lost", "ready » #lose 2 » #lose 1", "no round"),
    ("a long verdict changed where the history repeats it", "in-qa » quinn: QA PASS. I went through the whole basket, with one item, with many, with none, and with a voucher. » quinn> rfp » #edit 1 QA PASS. I went through the whole basket, with one item, with some, with none, and with a voucher.", "history"),
];
