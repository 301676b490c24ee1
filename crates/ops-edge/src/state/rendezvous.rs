//! Which release a known client meets.
//!
//! Weighted rendezvous hashing (Schindelhauer and Schomaker, 2005): each release draws a score from
//! the client's name and its own, and the highest wins. The chance of each is its weight, and while
//! one weight rises against all others, clients move only towards it.

/// A stable hash of a name: the same in every version of the door (FNV-1a, then the finaliser of
/// `SplitMix64`, so that all bits depend on all bytes).
pub(crate) fn hash_of(name: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    mix(name.iter().fold(0xcbf2_9ce4_8422_2325, fold))
}

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The score of a release of this weight for a client; both by their [`hash_of`].
pub(super) fn score(client: u64, release: u64, weight: u8) -> f64 {
    let bits = mix(client ^ release.rotate_left(32)) >> 11;
    let even = (bits as f64 + 0.5) / (1_u64 << 53) as f64;
    -f64::from(weight) / even.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_new(client: u32, new: u8) -> bool {
        let client = hash_of(&client.to_be_bytes());
        score(client, hash_of(b"new"), new) > score(client, hash_of(b"old"), 100 - new)
    }

    #[test]
    fn shares_are_kept_and_clients_move_only_towards_what_grows() {
        const CLIENTS: u32 = 20_000;
        for (less, more) in [(1, 5), (5, 25), (25, 50), (50, 99)] {
            let mut count = 0;
            for client in 0..CLIENTS {
                let (before, after) = (is_new(client, less), is_new(client, more));
                assert!(after || !before, "client {client} moved back");
                count += u32::from(after);
            }
            let (n, p) = (f64::from(CLIENTS), f64::from(more) / 100.0);
            let sigma = (n * p * (1.0 - p)).sqrt();
            assert!((f64::from(count) - n * p).abs() < 5.0 * sigma, "{count} at {more} %");
        }
    }
}
