//! A reading without the exchange: replies that are there already.

use ops_core::{reading::Sample, settings::SignalKind};

use super::{
    Trouble,
    exchange::Answer,
    samples,
    windows::{Grid, Windows},
    wire,
};

/// What replies to the queries about two versions tell, in the four windows that end at second 105,
/// 120, 135 and 150. No replies: there is nobody to ask about.
pub(crate) fn told(
    kind: &SignalKind,
    replies: [&[&[u8]]; 2],
) -> Result<(Vec<Sample>, Vec<Sample>), String> {
    let grid = Grid::new(&Windows::from_second(105), 0.0);
    let answer = |body: &&[u8]| {
        let series = wire::series(body, &grid)?;
        Ok(Answer { name: "the query".into(), series })
    };
    let answers = |bodies: &[&[u8]]| -> Result<_, Trouble> {
        let asked = !bodies.is_empty();
        asked.then(|| bodies.iter().map(answer).collect()).transpose()
    };
    let both = || samples::both(kind, &[answers(replies[0])?, answers(replies[1])?], &grid);
    both().map_err(|trouble| format!("{}; {}", trouble.what, trouble.next))
}
