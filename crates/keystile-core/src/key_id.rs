//! Key ids: `key_` and 26 base32 characters of a UUIDv7, the TypeID form (github.com/jetify-com/typeid).
//!
//! Sortable by time of issue, not secret, and 128 bits wide: small enough to lie beside a key's facts.

const PREFIX: &str = "key_";
const TEXT_LEN: usize = 26;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// The id of a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct KeyId(pub(crate) u128);

impl KeyId {
    /// A new id from Unix time in milliseconds and 10 random bytes (RFC 9562, UUID version 7).
    #[must_use]
    pub fn new(unix_ms: u64, random: [u8; 10]) -> Self {
        let mut bytes = [0u8; 16];
        bytes[..6].copy_from_slice(&unix_ms.to_be_bytes()[2..]);
        bytes[6..].copy_from_slice(&random);
        bytes[6] = 0x70 | bytes[6] & 0x0f;
        bytes[8] = 0x80 | bytes[8] & 0x3f;
        Self(u128::from_be_bytes(bytes))
    }

    /// Parses the text form; `None` if it is not one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?.as_bytes();
        // 26 digits carry 130 bits: the first one must leave the upper two empty.
        if digits.len() != TEXT_LEN || digits[0] > b'7' {
            return None;
        }
        digits
            .iter()
            .try_fold(0u128, |sum, digit| {
                let value = ALPHABET.iter().position(|known| known == digit)?;
                Some(sum << 5 | value as u128)
            })
            .map(Self)
    }
}

impl std::fmt::Display for KeyId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits: [u8; TEXT_LEN] =
            std::array::from_fn(|place| ALPHABET[(self.0 >> (5 * (TEXT_LEN - 1 - place)) & 31) as usize]);
        f.write_str(PREFIX)?;
        f.write_str(std::str::from_utf8(&digits).map_err(|_| std::fmt::Error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_round_trips_and_sorts_by_time(early in 0..1u64 << 47, later in 1..1u64 << 40, a: [u8; 10], b: [u8; 10]) {
            let (first, second) = (KeyId::new(early, a), KeyId::new(early + later, b));
            prop_assert_eq!(KeyId::parse(&first.to_string()), Some(first));
            prop_assert!(first.to_string() < second.to_string());
        }
    }

    #[test]
    fn foreign_text_is_refused() {
        let good = KeyId::new(1, [9; 10]).to_string();
        let too_large = format!("key_8{}", &good[5..]);
        for bad in [
            "",
            "key_",
            &good[4..],
            &format!("{good}0"),
            &good.to_uppercase(),
            &too_large,
            "key_01h455vb4pex5vsknk084sn0iq",
        ] {
            assert_eq!(KeyId::parse(bad), None, "{bad}");
        }
        assert_eq!(
            KeyId::parse("key_01h455vb4pex5vsknk084sn02q").unwrap().to_string(),
            "key_01h455vb4pex5vsknk084sn02q"
        );
    }
}
