//! The peppered digest under which a key is kept: `HMAC-SHA-256(pepper, SHA-256(key text))`.
//!
//! HMAC as in RFC 2104. Its two key blocks are compressed once, when the pepper is set: a check then costs three
//! SHA-256 compressions. A key has 131 random bits, so a slow hash would add latency and no safety; the pepper
//! keeps a stolen database from being matched against leaked keys, and from being used to plant one.

use crate::imported::ImportedText;
use sha2::block_api::compress256;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// Words of a pepper's precomputed state, as the segment's header holds it.
pub const PEPPER_WORDS: usize = 8;

/// Length of a key whose prefix has four characters.
const USUAL_LEN: usize = 32;

const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A 256-bit digest. There is no `PartialEq`: the one way to compare is [`Digest::matches`].
#[derive(Clone, Copy)]
pub struct Digest(pub(crate) [u64; 4]);

impl Digest {
    /// From 32 bytes as the store keeps them.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let half = |i: usize| u32::from_be_bytes(std::array::from_fn(|k| bytes[i * 4 + k]));
        Self::of_state(&std::array::from_fn(half))
    }

    /// The 32 bytes to be stored.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        std::array::from_fn(|i| ((self.0[i / 8] >> (i / 4 % 2 * 32)) as u32).to_be_bytes()[i % 4])
    }

    /// From the state that a compression ends with.
    #[inline]
    fn of_state(state: &[u32; 8]) -> Self {
        Self(std::array::from_fn(|i| pair(state, i)))
    }

    /// Whether both are the same, in time that does not depend on where they differ.
    #[must_use]
    #[inline]
    pub fn matches(&self, other: &Self) -> bool {
        // One difference of all words first: there is nothing to stop early at, and one barrier instead of five.
        let difference = self.0.iter().zip(&other.0).fold(0, |sum, (ours, theirs)| sum | (ours ^ theirs));
        difference.ct_eq(&0).into()
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Digest(<redacted>)")
    }
}

/// A pepper, as the two compression states that HMAC starts from. The pepper itself is not kept.
#[derive(Clone, Copy)]
pub struct Pepper {
    inner: [u32; 8],
    outer: [u32; 8],
}

impl Pepper {
    /// Precomputes the states of `secret`, 32 random bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        let state_of = |pad: u8| {
            let mut block = [pad; 64];
            for (out, byte) in block.iter_mut().zip(secret) {
                *out ^= byte;
            }
            compressed(INITIAL, &block)
        };
        Self { inner: state_of(0x36), outer: state_of(0x5c) }
    }

    /// The peppered digest of a hashed key text.
    #[must_use]
    #[inline]
    pub fn digest(&self, hashed: &KeyHash) -> Digest {
        let inner = compressed(self.inner, &last_block(&hashed.0, 64));
        let outer = compressed(self.outer, &last_block(&inner, 64));
        Digest::of_state(&outer)
    }

    /// The states as words of the segment's header.
    #[must_use]
    pub fn to_words(self) -> [u64; PEPPER_WORDS] {
        std::array::from_fn(|i| if i < 4 { pair(&self.inner, i) } else { pair(&self.outer, i - 4) })
    }

    /// The reverse of [`Pepper::to_words`].
    #[must_use]
    #[inline]
    pub fn from_words(words: &[u64; PEPPER_WORDS]) -> Self {
        let split = |at: usize| std::array::from_fn(|i| (words[at + i / 2] >> (i % 2 * 32)) as u32);
        Self { inner: split(0), outer: split(4) }
    }
}

impl std::fmt::Debug for Pepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pepper(<redacted>)")
    }
}

/// The inner SHA-256 of a key text; computed once even when several peppers are tried.
#[derive(Clone, Copy)]
pub struct KeyHash([u32; 8]);

impl KeyHash {
    /// Hashes a key text of at most 55 bytes, that is of one block (a key has at most 44).
    #[must_use]
    #[inline]
    pub fn of(text: crate::secret::KeyText<'_>) -> Self {
        let bytes = text.as_bytes();
        let mut block = [0u8; 64];
        // A copy of a length that is known beforehand is two instructions: that of a key with the usual prefix.
        match bytes.first_chunk::<USUAL_LEN>() {
            Some(usual) if bytes.len() == USUAL_LEN => block[..USUAL_LEN].copy_from_slice(usual),
            _ => block[..bytes.len()].copy_from_slice(bytes),
        }
        block[bytes.len()] = 0x80;
        block[56..].copy_from_slice(&(bytes.len() as u64 * 8).to_be_bytes());
        Self(compressed(INITIAL, &block))
    }

    /// Hashes a secret that was made elsewhere, of as many blocks as it takes.
    #[must_use]
    pub fn of_imported(text: ImportedText<'_>) -> Self {
        Self::from_bytes(&Sha256::digest(text.as_bytes()).into())
    }

    /// The SHA-256 of a secret, as other systems keep it.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(std::array::from_fn(|i| u32::from_be_bytes(std::array::from_fn(|k| bytes[i * 4 + k]))))
    }
}

/// Two words of a state in one, in the order in which they lie in memory, so that taking them apart costs nothing.
#[inline]
fn pair(state: &[u32; 8], i: usize) -> u64 {
    u64::from(state[2 * i]) | u64::from(state[2 * i + 1]) << 32
}

#[inline]
fn compressed(mut state: [u32; 8], block: &[u8; 64]) -> [u32; 8] {
    compress256(&mut state, std::slice::from_ref(block));
    state
}

/// The padded final block of a message whose last 32 bytes are `words` and that had `before` bytes in front.
#[inline]
fn last_block(words: &[u32; 8], before: u64) -> [u8; 64] {
    let mut block = [0u8; 64];
    for (out, word) in block.chunks_exact_mut(4).zip(words) {
        out.copy_from_slice(&word.to_be_bytes());
    }
    block[32] = 0x80;
    block[56..].copy_from_slice(&((before + 32) * 8).to_be_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::{KeyText, Prefix};
    use hmac::{Hmac, KeyInit, Mac};
    use proptest::prelude::*;

    fn reference(pepper: &[u8; 32], text: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(pepper).unwrap();
        mac.update(&Sha256::digest(text));
        mac.finalize().into_bytes().into()
    }

    proptest! {
        #[test]
        fn equals_the_library_hmac(pepper: [u8; 32], prefix in "[a-z][a-z0-9_]{0,15}", noise: [u8; 32]) {
            let prefix = Prefix::new(&prefix).unwrap();
            let mut round = 0u8;
            let text = crate::secret::mint::<()>(&prefix, |pool| {
                round += 1;
                for (i, byte) in pool.iter_mut().enumerate() {
                    *byte = noise[i].wrapping_mul(2).wrapping_add(round).wrapping_add(i as u8);
                }
                Ok(())
            }).unwrap();
            let parsed = KeyText::parse(text.as_bytes(), &prefix).unwrap();
            let ours = Pepper::new(&pepper).digest(&KeyHash::of(parsed));
            prop_assert_eq!(ours.to_bytes(), reference(&pepper, text.as_bytes()));
        }

        #[test]
        fn so_does_that_of_an_imported_secret(pepper: [u8; 32], text in "[!-~]{16,512}") {
            let hashed = KeyHash::of_imported(ImportedText::parse(text.as_bytes()).unwrap());
            let ours = Pepper::new(&pepper).digest(&hashed).to_bytes();
            prop_assert_eq!(ours, reference(&pepper, text.as_bytes()));
            let kept = KeyHash::from_bytes(&Sha256::digest(text.as_bytes()).into());
            prop_assert_eq!(ours, Pepper::new(&pepper).digest(&kept).to_bytes());
        }

        #[test]
        fn words_round_trip(pepper: [u8; 32], bytes: [u8; 32]) {
            let words = Pepper::new(&pepper).to_words();
            prop_assert_eq!(Pepper::from_words(&words).to_words(), words);
            prop_assert_eq!(Digest::from_bytes(&bytes).to_bytes(), bytes);
        }
    }

    #[test]
    fn a_difference_in_any_byte_is_a_difference() {
        let base = [7u8; 32];
        for place in 0..32 {
            let mut other = base;
            other[place] ^= 1;
            assert!(!Digest::from_bytes(&base).matches(&Digest::from_bytes(&other)));
        }
        assert!(Digest::from_bytes(&base).matches(&Digest::from_bytes(&base)));
    }
}
