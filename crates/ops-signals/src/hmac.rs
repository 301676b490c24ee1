//! HMAC-SHA-256 (RFC 2104), for keyed hashes of secrets.

use sha2::{Digest as _, Sha256};

/// Bytes that SHA-256 takes at a time.
const BLOCK: usize = 64;

/// Bytes of a key. No longer than a block, so that it never has to be hashed first.
pub(crate) const KEY_BYTES: usize = 32;

/// The keyed hash of all parts one after the other.
pub(crate) fn hmac(key: &[u8; KEY_BYTES], parts: &[&[u8]]) -> [u8; 32] {
    let mut block = [0_u8; BLOCK];
    block[..KEY_BYTES].copy_from_slice(key);
    let mut inner = Sha256::new();
    inner.update(block.map(|byte| byte ^ 0x36));
    for part in parts {
        inner.update(part);
    }
    let mut outer = Sha256::new();
    outer.update(block.map(|byte| byte ^ 0x5c));
    outer.update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(hash: &[u8]) -> String {
        use std::fmt::Write as _;
        hash.iter().fold(String::new(), |mut text, byte| {
            write!(text, "{byte:02x}").unwrap();
            text
        })
    }

    fn key(bytes: &[u8]) -> [u8; KEY_BYTES] {
        let mut key = [0; KEY_BYTES];
        key[..bytes.len()].copy_from_slice(bytes);
        key
    }

    /// Cases 1 to 4 of RFC 4231; shorter keys are filled up with zeros, as HMAC itself does.
    #[test]
    fn it_gives_the_published_values() {
        let counting: Vec<u8> = (1..=25).collect();
        let cases: [(&[u8], Vec<u8>, &str); 4] = [
            (
                &[0x0b; 20],
                b"Hi There".to_vec(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                vec![0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &counting,
                vec![0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
        ];
        for (secret, data, expected) in cases {
            assert_eq!(hex(&hmac(&key(secret), &[&data])), expected);
            let (front, back) = data.split_at(3);
            assert_eq!(hex(&hmac(&key(secret), &[front, back])), expected, "in parts");
        }
    }
}
