//! A gate in a temporary folder, with a clock that the test moves.

use keystile_core::bucket::Instant;
use keystile_core::record::NEVER_NS;
use keystile_core::secret::{Prefix, mint};
use keystile_core::segment::{Identity, Options};
use keystile_core::{Credential, Decision, Digest, Gate, KeyId, KeyRecord, Pepper, Quota, Scope, Writer, lease};
use std::path::PathBuf;
use tempfile::TempDir;

pub(crate) const SECOND: u64 = 1_000_000_000;
/// Where the test's boot clock starts, and how far wall time is ahead of it.
pub(crate) const START: u64 = 1_000 * SECOND;
pub(crate) const WALL_OFFSET: i64 = 1_700_000_000 * SECOND as i64;

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) writer: Writer,
    pub(crate) gate: Gate,
    minted: u64,
}

pub(crate) fn options() -> Options {
    Options {
        capacity: 10_000,
        prefix: Prefix::new("tos_").unwrap(),
        peppers: vec![Pepper::new(&[7; 32])],
        failures: Quota::new(60, 100).unwrap(),
        allow_stale: false,
        random: std::array::from_fn(|i| i as u8 + 1),
    }
}

pub(crate) fn identity() -> Identity {
    Identity::current().unwrap()
}

pub(crate) fn at(boot_ns: u64) -> Instant {
    Instant::from_boottime(boot_ns)
}

/// A secret; the n-th is always the same.
pub(crate) fn nth_secret(n: u64) -> String {
    let mut state = n;
    mint::<()>(&Prefix::new("tos_").unwrap(), |pool| {
        pool.fill_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        });
        Ok(())
    })
    .unwrap()
}

/// A live key with the scope PSA in tier Standard, not yet put.
pub(crate) fn nth_record(n: u64, digest: Digest) -> KeyRecord {
    KeyRecord {
        id: KeyId::new(n, [3; 10]),
        tenant: "home".into(),
        digest,
        previous: None,
        scopes: vec!["PSA".into()],
        tier: "Standard".into(),
        expires_at_ns: NEVER_NS,
        disabled: false,
        revoked: false,
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(&options())
    }

    pub(crate) fn with(options: &Options) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let writer = Writer::open(&folder.path().join("gate"), options, &identity()).unwrap();
        let scopes = ["PSA", "CRM", "Books"].map(String::from);
        let tiers = [("Standard", 60, 100), ("Enterprise", 1000, 2000)];
        let tiers = tiers.map(|(name, rate, burst)| (name.to_string(), Quota::new(rate, burst).unwrap()));
        writer.set_catalogue(&scopes, &tiers, at(START)).unwrap();
        writer.set_wall_offset(WALL_OFFSET, at(START));
        writer.refresh(1, 1, lease::FOREVER_NS);
        let gate = Gate::new(writer.segment()).unwrap();
        Self { folder, writer, gate, minted: 0 }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("gate")
    }

    /// A new secret; the n-th is always the same.
    pub(crate) fn mint(&mut self) -> String {
        self.minted += 1;
        nth_secret(self.minted)
    }

    pub(crate) fn digest(&self, secret: &str) -> Digest {
        self.gate.digest(secret.as_bytes()).unwrap()
    }

    /// A live key with the scope PSA in tier Standard, not yet put.
    pub(crate) fn record(&mut self) -> (String, KeyRecord) {
        let secret = self.mint();
        let record = nth_record(self.minted, self.digest(&secret));
        (secret, record)
    }

    pub(crate) fn put(&mut self, record: &KeyRecord) {
        self.writer.put(record, at(START)).unwrap();
    }

    pub(crate) fn scope(&self, name: &str) -> Scope {
        self.gate.scope(name).unwrap()
    }

    pub(crate) fn check(&self, secret: &str, scope: &str, boot_ns: u64) -> Decision {
        self.gate.check(Credential::Token(secret.as_bytes()), Some(self.scope(scope)), None, 1, boot_ns)
    }

    pub(crate) fn code(&self, secret: &str, scope: &str, boot_ns: u64) -> &'static str {
        self.check(secret, scope, boot_ns).outcome.code()
    }
}
