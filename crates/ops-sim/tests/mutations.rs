//! Every mistake that can be seeded is caught by the promise that it breaks. Only with the feature
//! `mutations`: `cargo nextest run -p ops-sim --features mutations --test mutations`.
#![cfg(feature = "mutations")]

use ops_sim::{
    dice::fresh_seed,
    mutations::{MOST_DEPLOYMENTS, breaks, hunt, named, names, told},
};

#[test]
fn every_mistake_is_caught_by_its_promise() {
    let first = fresh_seed();
    println!("first seed {first}");
    let mut missed = Vec::new();
    for name in names() {
        let mutation = named(name).unwrap();
        let found = hunt(mutation, first, MOST_DEPLOYMENTS);
        println!("{}", told(name, &found));
        if found.caught.is_none() {
            missed.push((name, breaks(mutation)));
        }
    }
    assert!(missed.is_empty(), "not caught within {MOST_DEPLOYMENTS} deployments: {missed:?}");
}
