//! What the benchmarks share: a gate with many keys, a clock, and rounds that take turns.

#![allow(dead_code, reason = "each benchmark uses a part of it")]
#![allow(unreachable_pub, reason = "a module of several programs")]

use keystile_core::bucket::Instant;
use keystile_core::digest::KeyHash;
use keystile_core::imported::ImportedText;
use keystile_core::record::NEVER_NS;
use keystile_core::secret::{Prefix, mint};
use keystile_core::segment::{Identity, Options};
use keystile_core::{Digest, Gate, KeyId, KeyRecord, Pepper, Quota, Writer, lease};
use std::fs::OpenOptions;
use std::io::Write;
use tempfile::TempDir;

/// The most that a quota takes: no benchmark can empty such a bucket.
pub const LARGEST: u32 = 1_000_000_000;
pub const PEPPER: [u8; 32] = [7; 32];

/// Xorshift64*: fast, seeded, and good enough to choose which key comes next.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

pub fn prefix() -> Prefix {
    Prefix::new("tos_").unwrap()
}

/// `CLOCK_BOOTTIME`, as the binding reads it before each check.
#[inline]
pub fn boot_ns() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

/// A private gate in a temporary folder.
pub struct World {
    pub gate: Gate,
    pub random: Random,
    writer: Writer,
    added: u64,
    _folder: TempDir,
}

impl World {
    pub fn new(capacity: u32) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let options = Options {
            capacity,
            prefix: prefix(),
            peppers: vec![Pepper::new(&PEPPER)],
            failures: Quota::new(60, 100).unwrap(),
            allow_stale: false,
            random: [9; 32],
        };
        let writer = Writer::open(&folder.path().join("gate"), &options, &Identity::current().unwrap()).unwrap();
        let scopes = ["PSA", "CRM"].map(String::from);
        let tiers = [("Unlimited", LARGEST, LARGEST), ("Exhausted", 1, 1)];
        let tiers = tiers.map(|(name, rate, burst)| (name.to_string(), Quota::new(rate, burst).unwrap()));
        writer.set_catalogue(&scopes, &tiers, Instant::from_boottime(boot_ns())).unwrap();
        writer.refresh(1, 1, lease::FOREVER_NS);
        let gate = Gate::new(writer.segment()).unwrap();
        Self { gate, random: Random::new(1), writer, added: 0, _folder: folder }
    }

    /// A secret shaped like a key, not known to the gate.
    pub fn mint(&mut self) -> String {
        let minted = mint::<()>(&prefix(), |pool| {
            pool.fill_with(|| (self.random.next() >> 33) as u8);
            Ok(())
        });
        minted.unwrap()
    }

    pub fn digest(&self, secret: &str) -> Digest {
        self.gate.digest(secret.as_bytes()).unwrap()
    }

    /// Adds a key under any digest.
    pub fn put(&mut self, digest: Digest, tier: &str) {
        self.added += 1;
        let record = KeyRecord {
            id: KeyId::new(self.added, [3; 10]),
            tenant: "home".into(),
            digest,
            previous: None,
            scopes: vec!["PSA".into()],
            tier: tier.into(),
            expires_at_ns: NEVER_NS,
            disabled: false,
            revoked: false,
        };
        self.writer.put(&record, Instant::from_boottime(boot_ns())).unwrap();
    }

    /// Lets the gate look for secrets that were made elsewhere.
    pub fn expect_imported(&self) {
        self.writer.expect_imported();
    }

    /// Adds a key with such a secret.
    pub fn put_imported(&mut self, secret: &str) {
        let hashed = KeyHash::of_imported(ImportedText::parse(secret.as_bytes()).unwrap());
        self.put(Pepper::new(&PEPPER).digest(&hashed), "Unlimited");
    }

    /// Adds a key with the scope PSA and returns its secret.
    pub fn key(&mut self, tier: &str) -> String {
        let secret = self.mint();
        self.put(self.digest(&secret), tier);
        secret
    }

    /// Adds `count` keys and returns their secrets in random order.
    pub fn keys(&mut self, count: usize) -> Vec<String> {
        let mut secrets: Vec<_> = (0..count).map(|_| self.key("Unlimited")).collect();
        for place in (1..count).rev() {
            secrets.swap(place, self.random.below(place + 1));
        }
        secrets
    }
}

/// The median over rounds of `subject`'s time ÷ `baseline`'s. Both take turns within each round, so that what else
/// the machine does weighs on both alike.
pub fn median_ratio(calls: usize, subject: impl FnMut(usize), baseline: impl FnMut(usize)) -> f64 {
    median_of_rounds(15, calls, subject, baseline)
}

/// The same for two that hardly differ: in rounds so short that they are rarely interrupted, and many of them.
pub fn fine_ratio(subject: impl FnMut(usize), baseline: impl FnMut(usize)) -> f64 {
    median_of_rounds(2_001, 2_000, subject, baseline)
}

fn median_of_rounds(
    rounds: usize,
    calls: usize,
    mut subject: impl FnMut(usize),
    mut baseline: impl FnMut(usize),
) -> f64 {
    let time = |work: &mut dyn FnMut(usize)| {
        let start = std::time::Instant::now();
        work(calls);
        start.elapsed().as_secs_f64()
    };
    let mut ratio = |round: usize| match round % 2 {
        0 => time(&mut subject) / time(&mut baseline),
        _ => 1.0 / (time(&mut baseline) / time(&mut subject)),
    };
    // The first round only warms up.
    let mut ratios: Vec<f64> = (0..=rounds).map(&mut ratio).skip(1).collect();
    ratios.sort_by(f64::total_cmp);
    ratios[rounds / 2]
}

/// Hands one figure to the report, where one is being made, and prints it.
pub fn record(group: &str, title: &str, value: f64, most: Option<f64>) {
    let target = most.map_or("null".into(), |most| most.to_string());
    println!("{group}: {title} = {value:.2} (at most {target})");
    let Some(path) = std::env::var_os("KEYSTILE_FIGURES") else { return };
    let line = format!(
        r#"{{"group":"{group}","title":"{title}","value":{value:.4},"unit":"×","bound":"≤","target":{target}}}"#
    );
    let file = OpenOptions::new().append(true).create(true).open(path);
    writeln!(file.unwrap(), "{line}").unwrap();
}
