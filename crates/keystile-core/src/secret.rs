//! Key text: prefix, 22 random base62 characters, 6 checksum characters.
//!
//! The checksum is the CRC-32 (IEEE 802.3) of prefix and random part, written as a base62 number with the
//! digits `0-9A-Za-z`, padded with `0` to six places. It finds typos and lets a scanner recognise a leaked
//! key offline; it is no security boundary.

/// Random characters of a key: 62^22, about 131 bits.
pub const RANDOM_LEN: usize = 22;
/// Checksum characters of a key; 62^6 exceeds 2^32.
pub const CHECKSUM_LEN: usize = 6;
/// Longest prefix, in bytes.
pub const MAX_PREFIX_LEN: usize = 16;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The text in front of every key, `[a-z][a-z0-9_]{0,15}`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefix {
    bytes: [u8; MAX_PREFIX_LEN],
    len: u8,
}

impl Prefix {
    /// The prefix that `text` spells; `None` if it is not one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let raw = text.as_bytes();
        let (first, rest) = raw.split_first()?;
        let good = first.is_ascii_lowercase()
            && rest.len() < MAX_PREFIX_LEN
            && rest.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_');
        if !good {
            return None;
        }
        let mut bytes = [0; MAX_PREFIX_LEN];
        bytes[..raw.len()].copy_from_slice(raw);
        Some(Self { bytes, len: raw.len() as u8 })
    }

    /// Its bytes, without padding.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Whether `text`, of at least [`MAX_PREFIX_LEN`] bytes, begins with it: one comparison of one wide word.
    #[inline]
    fn begins(&self, text: &[u8]) -> bool {
        let beyond = 8 * (MAX_PREFIX_LEN as u32 - u32::from(self.len));
        text.first_chunk().is_some_and(|head| {
            let differences = u128::from_le_bytes(*head) ^ u128::from_le_bytes(self.bytes);
            differences << beyond == 0
        })
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // The constructor admits ASCII only.
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

/// Bytes that are at least as long as a key and start like one. Says nothing about whether such a key was ever issued.
#[derive(Clone, Copy)]
pub struct KeyText<'a>(&'a [u8]);

impl<'a> KeyText<'a> {
    /// Parses `presented`; `None` unless every byte is as it must be: prefix, alphabet and checksum.
    #[must_use]
    pub fn parse(presented: &'a [u8], prefix: &Prefix) -> Option<Self> {
        Self::outlined(presented, prefix).filter(|text| text.is_whole())
    }

    /// Looks at length and prefix only, so that anything longer costs nothing.
    ///
    /// Enough to look a key up: what has the digest of an issued key is that key, checksum included. Only for a text
    /// that is not found does [`KeyText::is_whole`] make a difference.
    #[must_use]
    #[inline]
    pub fn outlined(presented: &'a [u8], prefix: &Prefix) -> Option<Self> {
        let fits = presented.len() == usize::from(prefix.len) + RANDOM_LEN + CHECKSUM_LEN && prefix.begins(presented);
        fits.then_some(Self(presented))
    }

    /// Whether alphabet and checksum are right too.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let (signed, checksum) = self.0.split_at(self.0.len() - CHECKSUM_LEN);
        let random = &signed[signed.len() - RANDOM_LEN..];
        // All of them, whatever the first is: a loop without an early end is done many bytes at a time.
        let spelt = random.iter().fold(true, |good, byte| good & byte.is_ascii_alphanumeric());
        spelt && number_of(checksum) == Some(u64::from(crc32fast::hash(signed)))
    }

    /// The whole text.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl std::fmt::Debug for KeyText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyText(<redacted>)")
    }
}

/// A new key, from random bytes that `fill` supplies (the operating system's CSPRNG in production).
///
/// Unbiased: a byte is used only if its low six bits name one of the 62 digits, else it is thrown away.
///
/// # Errors
/// Whatever `fill` fails with.
pub fn mint<E>(prefix: &Prefix, mut fill: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<String, E> {
    let mut text = Vec::with_capacity(MAX_PREFIX_LEN + RANDOM_LEN + CHECKSUM_LEN);
    text.extend_from_slice(prefix.as_bytes());
    let whole = text.len() + RANDOM_LEN;
    let mut pool = [0u8; 32];
    while text.len() < whole {
        fill(&mut pool)?;
        let digits = pool.iter().filter_map(|byte| ALPHABET.get(usize::from(byte & 63)));
        text.extend(digits.take(whole - text.len()));
    }
    let checksum = checksum_of(&text);
    text.extend_from_slice(&checksum);
    Ok(String::from_utf8(text).unwrap_or_default())
}

/// Values of the digits by their byte; `NO_DIGIT` for all other bytes.
const VALUES: [u8; 256] = {
    let mut values = [NO_DIGIT; 256];
    let mut value = 0;
    while value < ALPHABET.len() {
        values[ALPHABET[value] as usize] = value as u8;
        value += 1;
    }
    values
};
const NO_DIGIT: u8 = u8::MAX;

/// The number that base62 digits spell; `None` if one of them is none.
fn number_of(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let value = VALUES[usize::from(*digit)];
        (value != NO_DIGIT).then_some(number * 62 + u64::from(value))
    })
}

fn checksum_of(signed: &[u8]) -> [u8; CHECKSUM_LEN] {
    let mut rest = crc32fast::hash(signed);
    let mut digits = [b'0'; CHECKSUM_LEN];
    for digit in digits.iter_mut().rev() {
        *digit = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VECTORS: [&str; 5] = [
        "tos_0000000000000000000000105PGE",
        "tos_ABCDEFGHIJKLMNOPQRSTUV34pbHN",
        "tos_zzzzzzzzzzzzzzzzzzzzzz29o4q7",
        "tos_4fG7hJ2kLmN9pQrStUvWxY1F2Kph",
        "tos_Rcmn0iSHkpEby6vK111fY00Ggbrp",
    ];

    fn tos() -> Prefix {
        Prefix::new("tos_").unwrap()
    }

    #[test]
    fn known_answers() {
        for text in VECTORS {
            assert!(KeyText::parse(text.as_bytes(), &tos()).is_some(), "{text}");
        }
    }

    #[test]
    fn every_single_character_change_is_noticed() {
        for text in VECTORS {
            for place in 0..text.len() {
                for byte in 0..=255u8 {
                    let mut changed = text.as_bytes().to_vec();
                    if changed[place] == byte {
                        continue;
                    }
                    changed[place] = byte;
                    assert!(KeyText::parse(&changed, &tos()).is_none(), "{changed:?}");
                }
            }
        }
    }

    #[test]
    fn prefixes() {
        for good in ["t", "tos_", "a234567890123456", "ab_9"] {
            assert!(Prefix::new(good).is_some(), "{good}");
        }
        for bad in ["", "_a", "9a", "Tos_", "tos-", "a2345678901234567", "tós"] {
            assert!(Prefix::new(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn minting_throws_biased_bytes_away() {
        // 62 and 63 name no digit; had they been reduced modulo 62 the key would begin with 0 and 1.
        let mut bytes = [62u8, 63, 10, 11].into_iter().cycle();
        let text = mint::<()>(&tos(), |pool| {
            pool.fill_with(|| bytes.next().unwrap());
            Ok(())
        })
        .unwrap();
        assert!(text.starts_with("tos_ABABAB"), "{text}");
        assert!(KeyText::parse(text.as_bytes(), &tos()).is_some());
    }

    #[test]
    fn a_failing_random_source_mints_nothing() {
        assert_eq!(mint(&tos(), |_| Err("no entropy")), Err("no entropy"));
    }

    #[test]
    fn debug_is_redacted() {
        let shown = format!("{:?}", KeyText::parse(VECTORS[3].as_bytes(), &tos()));
        assert!(!shown.contains("4fG7"), "{shown}");
    }

    proptest! {
        #[test]
        fn what_is_minted_parses(seed: [u8; 32], prefix in "[a-z][a-z0-9_]{0,15}") {
            let prefix = Prefix::new(&prefix).unwrap();
            let mut state = u64::from_le_bytes(seed[..8].try_into().unwrap());
            let text = mint::<()>(&prefix, |pool| {
                pool.fill_with(|| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 56) as u8
                });
                Ok(())
            }).unwrap();
            prop_assert_eq!(text.len(), prefix.as_bytes().len() + 28);
            prop_assert!(KeyText::parse(text.as_bytes(), &prefix).is_some());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            prop_assert!(KeyText::parse(&bytes, &tos()).is_none());
        }
    }
}
