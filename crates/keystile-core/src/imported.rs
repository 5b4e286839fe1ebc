//! Secrets that were made elsewhere. They have no prefix, no length and no checksum of ours.
//!
//! A gate looks for them only where a key of ours was ruled out by its outline, and only once a key was imported: see
//! [`crate::Writer::expect_imported`].

use std::ops::RangeInclusive;

/// Lengths of a secret that was made elsewhere, in bytes. Anything shorter can be guessed, and nothing longer is hashed.
pub const IMPORTED_LEN: RangeInclusive<usize> = 16..=512;

/// Bytes that may be a secret which was made elsewhere: of such a length, and visible ASCII throughout.
#[derive(Clone, Copy)]
pub struct ImportedText<'a>(&'a [u8]);

impl<'a> ImportedText<'a> {
    /// The text, if it can be such a secret at all. The length is looked at first, so that anything longer costs nothing.
    #[must_use]
    pub fn parse(presented: &'a [u8]) -> Option<Self> {
        let fits = IMPORTED_LEN.contains(&presented.len()) && presented.iter().all(u8::is_ascii_graphic);
        fits.then_some(Self(presented))
    }

    /// The whole text.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }
}

impl std::fmt::Debug for ImportedText<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ImportedText(<redacted>)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lengths() {
        for (len, fits) in [(0, false), (15, false), (16, true), (512, true), (513, false), (32_768, false)] {
            assert_eq!(ImportedText::parse(&vec![b'x'; len]).is_some(), fits, "{len}");
        }
    }

    #[test]
    fn debug_is_redacted() {
        let shown = format!("{:?}", ImportedText::parse(b"sk_live_4eC39HqLyjWDarjtT1zdp7dc"));
        assert!(!shown.contains("4eC39"), "{shown}");
    }

    proptest! {
        #[test]
        fn one_byte_that_cannot_be_seen_is_enough(place in 0..40usize, byte: u8) {
            let mut text = [b'x'; 40];
            text[place] = byte;
            prop_assert_eq!(ImportedText::parse(&text).is_some(), (0x21..=0x7e).contains(&byte));
        }
    }
}
