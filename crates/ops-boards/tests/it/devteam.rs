//! ops as a guest on `DevTeam`'s boards: the embedded ones with all their habits, and between them
//! and ops somebody who loses, delays and invents answers.

mod front;
mod knocks;
mod meeting;
mod planning;
mod shapes;
mod tokens;
