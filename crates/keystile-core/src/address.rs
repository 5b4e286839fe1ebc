//! Client addresses, and the budget of failed attempts that each one has.
//!
//! The budget is a fixed table of token buckets, indexed by a keyed hash (SipHash-1-3) of the address: no flood of
//! addresses can grow it, and nobody outside can choose whose bucket to share. Two addresses that meet in one bucket
//! share a budget; a genuine key is never charged to it.

use siphasher::sip::SipHasher13;
use std::hash::Hasher;
use std::net::IpAddr;

/// Buckets of the table; a power of two.
pub const BUDGET_BUCKETS: usize = 1 << 16;

/// Who is asking, as far as failed attempts are concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Client([u8; 16]);

impl Client {
    /// The client at `address`: IPv4 as it is (also when written inside IPv6), IPv6 by its /64 network.
    #[must_use]
    pub fn new(address: IpAddr) -> Self {
        let mut bytes = match address.to_canonical() {
            IpAddr::V4(v4) => return Self(v4.to_ipv6_mapped().octets()),
            IpAddr::V6(v6) => v6.octets(),
        };
        bytes[8..].fill(0);
        Self(bytes)
    }

    /// The client that `text` names; text that is no address (a Unix socket's peer has none) shares one budget.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        // An IPv6 address may carry a zone, which says nothing about the client.
        let host = text.split('%').next().unwrap_or_default();
        host.parse().map_or(Self([0; 16]), Self::new)
    }

    /// Its place in the table.
    #[must_use]
    pub(crate) fn bucket(self, key: (u64, u64)) -> usize {
        let mut hasher = SipHasher13::new_with_keys(key.0, key.1);
        hasher.write(&self.0);
        hasher.finish() as usize & (BUDGET_BUCKETS - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shares_a_budget() {
        let same = [
            ("2001:db8::1", "2001:db8::ffff:1"),
            ("192.0.2.1", "::ffff:192.0.2.1"),
            ("fe80::1%eth0", "fe80::2"),
            ("unix", ""),
        ];
        for (a, b) in same {
            assert_eq!(Client::parse(a), Client::parse(b), "{a} {b}");
        }
        for (a, b) in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8:0:1::1"), ("192.0.2.1", "x")] {
            assert_ne!(Client::parse(a), Client::parse(b), "{a} {b}");
        }
    }

    #[test]
    fn the_place_depends_on_the_key() {
        let client = Client::parse("192.0.2.1");
        let places: std::collections::HashSet<_> = (0..64).map(|k| client.bucket((k, 1))).collect();
        assert!(places.len() > 60);
    }
}
