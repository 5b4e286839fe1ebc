//! Scopes and sets of scopes. The segment's catalogue gives each scope name a place from 0 to 63.

/// How many scopes a catalogue can hold.
pub const MAX_SCOPES: usize = 64;
/// Longest scope or tier name, in bytes.
pub const MAX_NAME_LEN: usize = 32;

/// A scope, by its place in the segment's catalogue. Only [`crate::Gate::scope`] hands one out, so a place always
/// has a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scope(pub(crate) u8);

impl Scope {
    /// Its place in the catalogue, 0 to 63.
    #[must_use]
    pub const fn place(self) -> u8 {
        self.0
    }
}

/// A set of scopes, one bit for each place.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ScopeSet(pub(crate) u64);

impl ScopeSet {
    /// The set with these bits, as [`ScopeSet::bits`] gave them.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// One bit for each scope, at its place.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The same set with one more scope.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | 1 << scope.0)
    }

    /// Whether `scope` is in the set.
    #[must_use]
    #[inline]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 >> scope.0 & 1 == 1
    }

    /// Whether it gives access to what needs `scope`; where nothing in particular is needed, to anything at all: a key
    /// without scopes has access to nothing.
    #[must_use]
    #[inline]
    pub fn grants(self, scope: Option<Scope>) -> bool {
        scope.map_or(self.0 != 0, |scope| self.contains(scope))
    }

    /// The scopes in catalogue order.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        (0..MAX_SCOPES as u8).map(Scope).filter(move |scope| self.contains(*scope))
    }
}

/// Whether `name` may name a scope or a tier: `[A-Za-z][A-Za-z0-9_-]{0,31}`.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= MAX_NAME_LEN
        && bytes.next().is_some_and(|b| b.is_ascii_alphabetic())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        let set = ScopeSet::default().with(Scope(0)).with(Scope(63));
        assert!(set.contains(Scope(0)) && set.contains(Scope(63)) && !set.contains(Scope(1)));
        assert_eq!(set.iter().map(Scope::place).collect::<Vec<_>>(), [0, 63]);
    }

    #[test]
    fn names() {
        for good in ["PSA", "a", "Books-2_x", &"x".repeat(32)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "2x", "-a", "a b", "ä", "a,b", &"x".repeat(33)] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
